import pytest
import torch
from mmengine.optim import OptimWrapper

from mmdsnas.engine import SearchOptimWrapperDict
from mmdsnas.models import (
    CostTerm,
)
from tests.toy import (
    algorithm_of,
    batch,
    costly_net,
    explicit_gates,
    searching,
    set_alpha,
    smooth_net,
)


def executed(net):
    """Names of the candidates that run, filled as they do."""
    names = []
    for op in net.blocks:
        for name, candidate in op._candidates.items():
            candidate.register_forward_hook(lambda *_, name=name: names.append(name))
    return names


# Stages


@pytest.mark.parametrize(('first', 'last'), [(2, 4), (0, 0), (0, 3), (3, 3)])
def test_the_stage_of_an_epoch(first, last):
    """Stages may be empty."""
    algorithm = algorithm_of(smooth_net(), pretrain_epochs=first, finetune_epochs=last)
    stages = [algorithm.stage_of(epoch).value for epoch in range(6)]
    wanted = ['pretrain'] * first + ['search'] * (last - first)
    assert stages == wanted + ['finetune'] * (6 - last)
    assert algorithm.stage is None
    for epoch in (5, 0, 3):
        algorithm.begin(epoch=epoch)
        assert algorithm.stage is algorithm.stage_of(epoch)


def decided(**kwargs):
    """A search all of whose blocks are decided, before its first epoch."""
    torch.manual_seed(0)
    algorithm = algorithm_of(
        smooth_net(), mutator=dict(fix_threshold=0.3), finetune_epochs=4, **kwargs
    )
    set_alpha(algorithm.mutator, [0, 9, 0], [0, 0, 9], [9, 0, 0])
    return algorithm


CHILD = dict(module_0='sine', module_1='square', module_2='tanh')


def test_blocks_are_fixed_at_the_start_of_search_epochs_only():
    algorithm = decided(pretrain_epochs=2)
    for epoch in (0, 1):
        assert algorithm.begin(epoch=epoch) == {}
        train(algorithm, 3)
        assert algorithm.mutator.fixed == {}
    assert algorithm.begin(epoch=2) == CHILD
    assert algorithm.begin(epoch=3) == {}
    assert algorithm.mutator.fixed == CHILD


def train(algorithm, num, lr=0.0):
    optim_wrapper = SearchOptimWrapperDict(
        architecture=OptimWrapper(torch.optim.SGD(algorithm.parameters(), lr=lr)),
        mutator=OptimWrapper(torch.optim.SGD(algorithm.mutator.parameters(), lr=lr)),
    )
    inputs, labels = batch()
    for iteration in range(num):
        algorithm.begin(iteration=iteration, seed=0)
        algorithm.train_step(dict(inputs=inputs, data_samples=labels), optim_wrapper)


def test_no_block_is_fixed_by_an_iteration():
    algorithm = decided()
    set_alpha(algorithm.mutator, *[[0.0, 0.0, 0.0]] * 3)
    algorithm.begin(epoch=0)
    set_alpha(algorithm.mutator, [0, 9, 0], [0, 0, 9], [9, 0, 0])
    train(algorithm, 5)
    algorithm.eval()
    algorithm(*batch(), mode='predict')
    algorithm.train()
    train(algorithm, 5)
    assert algorithm.mutator.fixed == {}
    assert algorithm.begin(epoch=1) == CHILD


def test_finetuning_fixes_what_is_left_to_the_argmax():
    algorithm = decided()
    set_alpha(algorithm.mutator, [0, 9, 0], [0.1, 0.2, 0.1], [0, 0, 0])
    assert algorithm.begin(epoch=3) == dict(module_0='sine')
    assert algorithm.begin(epoch=4) == dict(module_1='sine', module_2='tanh')
    assert algorithm.begin(epoch=5) == {} and algorithm.mutator.free == []


def test_a_search_that_is_resumed_in_the_finetune_stage_trains_the_child():
    """Past the boundary too: the epoch alone tells the stage."""
    algorithm = decided()
    set_alpha(algorithm.mutator, [0, 1, 0], [0, 0, 1], [1, 0, 0])
    state = algorithm.state_dict()
    resumed = decided()
    resumed.load_state_dict(state)
    assert resumed.begin(epoch=7) == CHILD


# Training


def test_pretraining_leaves_alpha_alone():
    algorithm = algorithm_of(costly_net(), pretrain_epochs=1, cost=dict(limit=1e-3))
    algorithm.begin(epoch=0)
    paths = set()
    for iteration in range(20):
        algorithm.begin(iteration=iteration, seed=0)
        losses = algorithm.loss(*batch())
        # 0 and not absent, because logs repeat the last value of what is absent.
        assert losses['cost.loss'] == 0
        algorithm.parse_losses(losses)[0].backward()
        paths.add(tuple(algorithm.mutator.current_choices.values()))
    assert len(paths) > 4
    assert all(alpha.grad is None for alpha in algorithm.mutator.parameters())
    assert any(p.grad is not None for p in algorithm.architecture.parameters())


def test_every_iteration_of_the_search_draws_its_path(monkeypatch):
    net = smooth_net()
    algorithm = searching(net)
    names = executed(net)
    for rank in (0, 1):
        monkeypatch.setattr(
            'mmdsnas.models.algorithms.dsnas.get_rank', lambda r=rank: r
        )
        for iteration in range(5):
            algorithm.begin(iteration=iteration, seed=9)
            algorithm.loss(*batch())
            path = algorithm.mutator.draw_path(9, iteration, rank)
            assert names == list(path.values())  # each executed once, alone
            assert algorithm.mutator.current_choices == path
            names.clear()


def test_another_path_can_be_evaluated_than_the_child():
    algorithm = decided()
    names = executed(algorithm.architecture)
    path = dict(CHILD, module_0='square', module_2='tanh')
    assert path != CHILD
    inputs, labels = batch()
    algorithm.eval()
    for mode in ('tensor', 'predict', 'loss'):
        with algorithm.executing(path):
            algorithm(inputs, labels, mode=mode)
        assert names == list(path.values())
        names.clear()
    with pytest.raises(KeyError), algorithm.executing(path):
        raise KeyError
    algorithm(inputs, labels)
    assert names == list(CHILD.values())


def test_finetuning_trains_the_child_alone():
    algorithm = decided(cost=dict(limit=1.0))
    net = algorithm.architecture
    algorithm.begin(epoch=4)
    names = executed(net)
    for iteration in range(5):
        algorithm.begin(iteration=iteration, seed=0)
        losses = algorithm.loss(*batch())
        assert losses['cost.loss'] == 0
        algorithm.parse_losses(losses)[0].backward()
    assert names == list(CHILD.values()) * 5
    trained = {n for n, p in net.named_parameters() if p.grad is not None}
    assert {n.split('.')[3] for n in trained if n.startswith('blocks')} == set(
        CHILD.values()
    )
    assert all(alpha.grad is None for alpha in algorithm.mutator.parameters())


@pytest.mark.parametrize('form', ['expected', 'sampled'])
def test_the_loss_is_task_and_cost(form):
    net = costly_net()
    # Between the cheapest path (0.000126) and the most expensive (0.002178 MFLOPs).
    algorithm = searching(net, cost=dict(limit=2e-4, weight=50.0, form=form))
    table = algorithm.cost_table
    penalised = 0
    for iteration in range(10):
        algorithm.zero_grad()
        algorithm.begin(iteration=iteration, seed=0)
        losses = algorithm.loss(*batch())
        path = algorithm.mutator.current_choices
        term = CostTerm(table, limit=2e-4, weight=50.0, form=form).double()
        probs = algorithm.mutator.probs()
        wanted = term(probs, path)
        assert set(losses) == {'task.loss', 'cost.loss'}
        assert abs(losses['cost.loss'] - wanted) <= 1e-12
        penalised += bool(wanted > 0)

        task, rewards, _ = explicit_gates(net, list(path.values()), *batch())
        assert torch.equal(losses['task.loss'], task)
        total, _ = algorithm.parse_losses(losses)
        assert abs(total - task - wanted) <= 1e-12
        total.backward()
        cost_grads = [torch.zeros(2, dtype=torch.float64)] * 3
        if wanted.requires_grad:
            alphas = list(algorithm.mutator.parameters())
            cost_grads = torch.autograd.grad(wanted, alphas)
        # The reward is that of the task loss: the cost has its own gradient.
        for alpha, reward, cost_grad, (name, choice) in zip(
            algorithm.mutator.parameters(),
            rewards,
            cost_grads,
            path.items(),
            strict=True,
        ):
            one_hot = torch.tensor(
                [c == choice for c in algorithm.mutator.choices(name)]
            ).double()
            task_grad = reward * (one_hot - alpha.detach().softmax(-1))
            assert (alpha.grad - task_grad - cost_grad).abs().max() <= 1e-12
    assert penalised == 10 if form == 'expected' else 5 <= penalised <= 10


def test_without_a_limit_there_is_no_cost_loss():
    algorithm = searching(costly_net(), cost=dict(form='expected'))
    assert set(algorithm.loss(*batch())) == {'task.loss'}


def test_training_mode_without_gradients():
    """As for BatchNorm's statistics: it samples, and keeps nothing."""
    algorithm = searching(smooth_net())
    with torch.no_grad():
        losses = algorithm.loss(*batch())
    assert not losses['task.loss'].requires_grad
    assert algorithm.gradient_estimator.block_rewards is None


# Evaluation


@pytest.mark.parametrize('mode', ['loss', 'predict', 'tensor'])
@pytest.mark.parametrize('fixed', [{}, dict(module_1='tanh'), CHILD])
def test_evaluation_runs_the_child_whatever_was_drawn_before(mode, fixed):
    algorithm = searching(smooth_net())
    net = algorithm.architecture
    set_alpha(algorithm.mutator, [0, 0.1, 0], [0, 0, 0.1], [0.1, 0, 0])
    algorithm.mutator.fix(fixed)
    child = {**CHILD, **fixed}
    for op, choice in zip(net.blocks, child.values(), strict=True):
        op.current_choice = choice
    wanted = net(*batch(), mode=mode)

    names = executed(net)
    others = 0
    for iteration in range(6):
        algorithm.train()
        algorithm.begin(iteration=iteration, seed=1)
        algorithm.loss(*batch())
        others += algorithm.mutator.current_choices != child
        algorithm.eval()
        names.clear()
        found = algorithm(*batch(), mode=mode)
        assert names == list(child.values())
        if mode == 'loss':
            assert set(found) == {'task.loss'}
            found, reference = found['task.loss'], wanted['loss']
        else:
            reference = wanted
        assert torch.equal(found, reference)
    assert others > 0 or fixed == CHILD


@pytest.mark.parametrize('mode', ['predict', 'tensor'])
def test_predictions_in_training_mode_are_the_childs_too(mode):
    algorithm = searching(smooth_net())
    set_alpha(algorithm.mutator, [0, 0.1, 0], [0, 0, 0.1], [0.1, 0, 0])
    algorithm.loss(*batch())
    names = executed(algorithm.architecture)
    algorithm(*batch(), mode=mode)
    assert names == list(CHILD.values())
