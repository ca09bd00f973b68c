"""The variants of a step do the same work on the same paths."""

from dataclasses import replace

import pytest
import torch
from mmrazor.models.algorithms import DSNAS as MMRazorDSNAS

from benchmarks.speed import parts
from benchmarks.speed.mmrazor_step import MMRazorStep
from benchmarks.speed.official_step import official_losses
from benchmarks.speed.sections import build_steps
from mmdsnas.models.mutables import blocks_of
from tests.toy import all_paths, batch, searching, set_alpha, smooth_net


def models_of(step):
    """The models that a variant executes; a plain step has one for each path."""
    if hasattr(step, 'children'):
        return step.children
    return [getattr(step, 'algorithm', None) or step.net]


def path_rows(paths):
    """The candidates of each path, block by block."""
    return [list(path.values()) for path in paths]


def watch(step):
    """A list that gets the candidates which the variant's own models execute."""
    executed = []
    for model in models_of(step):
        for name, module in model.named_modules():
            block, _, choice = name.rpartition('._candidates.')
            if block and '.' not in choice:
                block = block.removeprefix('architecture.')
                # MMRazor executes a copy too, which has the hooks of the original.
                module.register_forward_hook(
                    lambda m, *_, own=module, key=(block, choice): (
                        executed.append(key) if m is own else None
                    )
                )
    return executed


@pytest.fixture
def steps(workload):
    return build_steps(workload)


@pytest.mark.slow
def test_all_variants_execute_the_same_paths_with_the_same_loss(steps, workload):
    paths = steps['search'].paths()
    assert len({str(path) for path in paths}) == workload.num_paths
    executed = {name: watch(step) for name, step in steps.items()}
    for index in range(workload.num_paths):
        losses = {}
        for name, step in steps.items():
            executed[name].clear()
            step.prepare(index)
            losses[name] = float(next(iter(step.run(index).values())))
        if index == 0:
            first = dict.fromkeys(losses, losses['search'])
            assert losses == pytest.approx(first, rel=1e-5)
        own = executed['search']
        assert [choice for _, choice in own] == list(paths[index].values())
        for name in ('plain', 'mmrazor', 'official'):
            assert executed[name] == own, name
        for name in ('finetune', 'finetuned child'):
            assert [c for _, c in executed[name]] == list(paths[0].values()), name


@pytest.mark.slow
def test_alpha_stays_so_that_the_paths_are_those_drawn_before(steps):
    search, before = steps['search'], steps['search'].paths()
    alpha = [a.clone() for a in search.algorithm.mutator.arch_params.values()]
    weights = [w.clone() for w in search.algorithm.architecture.parameters()]
    for index in range(2):
        search.run(index)
    assert all(map(torch.equal, search.algorithm.mutator.arch_params.values(), alpha))
    moved = search.algorithm.architecture.parameters()
    assert not all(map(torch.equal, moved, weights))
    assert search.paths() == before and search.optimizers.skipped is False


@pytest.mark.parametrize('which', [0, 13, 26])
def test_the_official_formulation_has_the_gradients_of_the_estimator(which):
    torch.manual_seed(0)
    algorithm = searching(smooth_net())
    mutator = algorithm.mutator
    rows = torch.randn(3, 3, dtype=torch.float64)
    set_alpha(mutator, *rows)
    path = all_paths(mutator)[which]
    mutator.draw_path = lambda *_: path
    inputs, labels = batch()
    algorithm.loss(inputs, labels)['task.loss'].backward()
    own = torch.stack([a.grad for a in mutator.arch_params.values()])
    weights = {n: p.grad for n, p in algorithm.architecture.named_parameters()}

    net = smooth_net()
    net.load_state_dict(algorithm.architecture.state_dict())
    alpha = rows.clone().requires_grad_()
    _, backward = official_losses(
        net.blocks, list(path.values()), alpha, lambda: net(inputs, labels, 'loss')
    )
    backward()
    torch.testing.assert_close(alpha.grad, own, rtol=1e-12, atol=1e-14)
    for name, parameter in net.named_parameters():
        if weights[name] is None:
            assert parameter.grad is None, name
        else:
            torch.testing.assert_close(parameter.grad, weights[name])


@pytest.mark.slow
def test_the_official_optimizer_moves_candidates_that_were_never_executed(steps):
    """By weight decay, in every step; the search's own does not visit them."""
    paths = steps['search'].paths()[:2]
    idle = {
        name: [
            weight
            for module, choices in zip(
                blocks_of(model).values(), zip(*path_rows(paths))
            )
            for choice in module.choices
            for weight in module.candidate(choice).parameters()
            if choice not in choices and weight.dim() > 1
        ]
        for name, model in (
            ('search', steps['search'].algorithm.architecture),
            ('official', steps['official'].net),
        )
    }
    before = {name: [w.clone() for w in weights] for name, weights in idle.items()}
    for index in range(2):
        for name in idle:
            steps[name].run(index)
        still = {n: [*map(torch.equal, before[n], idle[n])] for n in idle}
        assert all(still['search']) and not any(still['official'])
        before['official'] = [w.clone() for w in idle['official']]


def test_mmrazors_own_step_runs_and_moves_its_weights(steps, monkeypatch):
    step = steps['mmrazor']
    assert type(step.algorithm) is MMRazorDSNAS
    handled = []
    handle = MMRazorDSNAS.handle_grads
    monkeypatch.setattr(
        MMRazorDSNAS, 'handle_grads', lambda self: handled.append(handle(self))
    )
    before = [p.clone() for p in step.algorithm.architecture.parameters()]
    step.prepare(0)
    logged = step.run(0)
    assert {'supernet.loss', 'mutator.arch_loss'} <= set(logged) and len(handled) == 1
    after = step.algorithm.architecture.parameters()
    assert not all(map(torch.equal, before, after))


@pytest.mark.slow
def test_mmrazors_step_crashes_without_the_workaround(steps):
    step: MMRazorStep = steps['mmrazor']
    step.prepare(0)
    del step.optimizers['mutator'].zero_grad
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute"):
        step.run(0)


@pytest.mark.slow
def test_all_variants_compute_in_the_workloads_precision(workload):
    """Convolutions of autocast give bfloat16."""
    built = build_steps(replace(workload, dtype='bfloat16'))
    for name, step in built.items():
        seen = []

        def note(module, x, y, seen=seen):
            seen.append(y.dtype)

        for model in models_of(step):
            for module in model.modules():
                if isinstance(module, torch.nn.Conv2d):
                    module.register_forward_hook(note)
        step.prepare(0)
        step.run(0)
        assert set(seen) == {torch.bfloat16}, name


def test_parts_of_a_step_by_hand(monkeypatch):
    """A clock that every look at it advances by a second."""
    clock = iter(range(100))
    monkeypatch.setattr(parts.time, 'process_time', lambda: float(next(clock)))

    class Step:
        def run(self, index):
            self.first()
            self.second()
            self.first()

        def first(self):
            pass

        def second(self):
            pass

    named = {'a': [(Step, 'first')], 'b': [(Step, 'second')]}
    first = Step.first
    assert parts.timed_parts(Step(), 0, named) == {'a': 2.0, 'b': 1.0, parts.WHOLE: 7.0}
    assert Step.first is first


def test_the_parts_of_both_steps_are_found(workload):
    found = parts.step_parts(workload, 2, 0)
    assert set(found['search']) == {*parts.PARTS, parts.WHOLE}
    assert set(found['plain']) == {*parts.PLAIN_PARTS, 'forward pass', parts.WHOLE}
    for each in found.values():
        whole = each.pop(parts.WHOLE)
        # None is missed, and none is in another one.
        assert all(seconds > 0 for seconds in each.values())
        assert sum(each.values()) < whole
