"""After a long search all ranks have the same alpha, fixed blocks and optimizers."""

import copy

import pytest
import torch
import torch.nn as nn

from mmdsnas.models.batch_norm import batch_norms
from tests.ranks import WRAPPER, on_ranks
from tests.toy import ToyNet, algorithm_of, block
from tests.toy_run import Keep, Norm, loader, runner_of, same

EPOCHS, PER_EPOCH = 10, 20


def net():
    """Four blocks of two candidates and one that has no parameters."""
    torch.manual_seed(0)
    return ToyNet(
        [
            block(tanh=Norm(torch.tanh), sine=Norm(torch.sin), skip=nn.Flatten(1))
            for _ in range(4)
        ],
        stem=Norm(torch.relu),
    )


def statistics(model):
    """All that the BatchNorm layers have gathered, also how many batches."""
    return [
        value.clone()
        for layer in batch_norms(model)
        for value in layer.buffers(recurse=False)
    ]


def search(folder):
    """200 search steps by mmengine's Runner; what a rank has at their end."""
    model = algorithm_of(net(), finetune_epochs=EPOCHS, mutator=dict(fix_threshold=0.3))
    alpha = copy.deepcopy(model.mutator.arch_params.state_dict())
    paths, fixed, drifted, averaged = [], [], [], []
    hooks = [
        dict(type='AverageBNStatsHook'),
        Keep('before_train_epoch', lambda _: fixed.append(model.mutator.fixed), 99),
        Keep('after_train_iter', lambda _: paths.append(model.current_path()), 99),
        Keep('after_train_epoch', lambda _: drifted.append(statistics(model)), 1),
        Keep('after_train_epoch', lambda _: averaged.append(statistics(model)), 99),
    ]
    model.current_path = lambda: list(model.mutator.current_choices.values())
    data = loader(noise=True)
    data['dataset']['num'] = 2 * PER_EPOCH * data['batch_size']
    optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-3)
    runner = runner_of(
        folder,
        hooks,
        model,
        EPOCHS,
        launcher='pytorch',
        model_wrapper_cfg=WRAPPER,
        train_dataloader=data,
        val_dataloader=None,
        val_evaluator=None,
        val_cfg=None,
        default_hooks=dict(checkpoint=None, logger=None),
        optim_wrapper=dict(
            constructor='SearchOptimWrapperConstructor',
            architecture=dict(optimizer=optimizer),
            mutator=dict(optimizer=dict(type='Adam', lr=0.05, betas=(0.5, 0.999))),
        ),
    )
    runner.train()
    return dict(
        start=alpha,
        model=model.state_dict(),
        optimizers=runner.optim_wrapper.state_dict(),
        child=model.mutator.derive_child(),
        fixed=fixed,
        paths=paths,
        drifted=drifted,
        averaged=averaged,
    )


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp('agreement')
    return on_ranks(2, folder, search, folder)


@pytest.mark.slow
def test_every_rank_draws_its_own_path(ranks):
    first, second = (rank['paths'] for rank in ranks)
    assert len(first) == EPOCHS * PER_EPOCH
    assert sum(a != b for a, b in zip(first, second)) > EPOCHS * PER_EPOCH / 2


@pytest.mark.slow
def test_blocks_are_fixed_in_the_middle(ranks):
    """And some are still searched at the end."""
    counts = [len(fixed) for fixed in ranks[0]['fixed']]
    assert counts[0] == 0 and counts == sorted(counts)
    assert 0 < counts[-1] < 4


def test_alpha_and_what_is_fixed_agree(ranks):
    first, second = ranks
    assert first['fixed'] == second['fixed'] and first['child'] == second['child']
    mutators = [
        {n: v for n, v in rank['model'].items() if n.startswith('mutator.')}
        for rank in ranks
    ]
    assert len(mutators[0]) == 5 and same(*mutators)
    prefix = 'mutator._arch_params.'
    for name, alpha in first['start'].items():
        assert (mutators[0][prefix + name] - alpha).abs().min() > 0


def test_weights_and_optimizers_agree(ranks):
    assert same(*(rank['model'] for rank in ranks))
    first, second = (rank['optimizers'] for rank in ranks)
    assert first['architecture']['state'] and first['mutator']['state']
    assert same(first, second)


def test_batch_norm_statistics_agree_after_the_averaging(ranks):
    first, second = ranks
    assert same(first['averaged'], second['averaged'])
    assert not any(map(same, first['drifted'], second['drifted']))
    for a, b, mean in zip(
        first['drifted'][-1], second['drifted'][-1], first['averaged'][-1]
    ):
        # Numbers of batches are those of rank 0.
        expected = (a + b) / 2 if mean.is_floating_point() else a
        torch.testing.assert_close(expected, mean, rtol=0, atol=1e-6)


def shared_paths():
    """The paths of some iterations where all ranks are to have the same one."""
    algorithm = algorithm_of(net(), share_path=True)
    algorithm.begin(epoch=0)
    paths = []
    for iteration in range(20):
        algorithm.begin(iteration=iteration, seed=3)
        algorithm.loss(torch.randn(4, 6), torch.zeros(4, dtype=torch.long))
        paths.append(list(algorithm.mutator.current_choices.values()))
    return paths


def test_one_path_for_all_ranks(tmp_path):
    """And other ones in other iterations."""
    first, second = on_ranks(2, tmp_path, shared_paths)
    assert first == second
    assert len(set(map(tuple, first))) > 10
