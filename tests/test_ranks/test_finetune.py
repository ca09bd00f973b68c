"""At the finetune stage the unselected cost nothing, also after a resume past it."""

import weakref

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.model import MMDistributedDataParallel
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from mmdsnas.models import Stage
from tests.ranks import WRAPPER, on_ranks
from tests.toy_run import Keep, loader, runner_of, same, search_of, state_of


class Watch:
    """What happens to a run at the finetune stage."""

    def __init__(self, runner):
        self.before = weakref.ref(runner.model)
        self.exchanged = set()
        self.start = {}

    def begin(self, runner):
        if self.start or runner.model.module.stage is not Stage.FINETUNE:
            return
        self.start = state_of(runner)
        names = {p: n for n, p in runner.model.module.named_parameters()}

        def exchange(group, bucket):
            self.exchanged.update(names[p] for p in bucket.parameters())
            return allreduce_hook(group, bucket)

        runner.model.register_comm_hook(None, exchange)

    def result(self, runner):
        model, optimizers = runner.model, runner.optim_wrapper
        algorithm = model.module
        with_state = {id(p) for w in optimizers.values() for p in w.optimizer.state}
        return dict(
            child=algorithm.mutator.derive_child(),
            wrapped=type(model) is MMDistributedDataParallel,
            anew=self.before() is None,
            searches=model.find_unused_parameters,
            exchanged=sorted(self.exchanged),
            frozen=[n for n, p in algorithm.named_parameters() if not p.requires_grad],
            stateless=[
                n for n, p in algorithm.named_parameters() if id(p) not in with_state
            ],
            start={n.removeprefix('module.'): v for n, v in self.start.items()},
            end=algorithm.state_dict(),
            optimizers=optimizers.state_dict(),
        )


def runs(folder):
    """A search of an epoch in each stage, and one that resumes at its end."""
    results = []
    for max_epochs, resume in ((3, {}), (4, dict(load_from='epoch_3.pth'))):
        if resume:
            path = folder / 'work' / resume['load_from']
            resume = dict(load_from=str(path), resume=True)
        watch = []
        begin = Keep('before_train_epoch', lambda r, watch=watch: watch[0].begin(r), 99)
        runner = runner_of(
            folder,
            [begin, dict(type='AverageBNStatsHook'), dict(type='RankAgreementHook')],
            search_of(),
            max_epochs,
            launcher='pytorch',
            model_wrapper_cfg=WRAPPER,
            train_dataloader=loader(noise=True, batch_size=2),
            **resume,
        )
        watch.append(Watch(runner))
        runner.train()
        results.append(watch[0].result(runner))
    assert get_rank() == runner.rank
    return results


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp('finetune')
    return on_ranks(2, folder, runs, folder), folder / 'work'


def unselected(child):
    """Beginnings of the names of the candidates that the child does not have."""
    return tuple(
        f'architecture.blocks.{i}._candidates.{name}.'
        for i, choice in enumerate(child.values())
        for name in ('tanh', 'sine')
        if name != choice
    )


@pytest.mark.slow
@pytest.mark.parametrize('run', ['through', 'resumed'])
def test_losers_cost_nothing(ranks, run):
    for rank in ranks[0]:
        found = rank[run == 'resumed']
        lost, names = unselected(found['child']), list(found['end'])
        buffers = ('running_mean', 'running_var', 'num_batches_tracked')
        gone = [n for n in names if n.startswith(lost) and not n.endswith(buffers)]
        assert len(gone) == 8
        alphas = [n for n in names if '_arch_params' in n]
        assert sorted(found['frozen']) == sorted(gone + alphas)
        assert set(gone) <= set(found['stateless'])
        assert found['wrapped'] and found['anew'] and not found['searches']
        # The rest is exchanged: stem, two blocks and head.
        assert len(found['exchanged']) == 3 * 4 + 2
        assert not set(found['exchanged']) & set(gone + alphas)
        # All is in the state dict; unselected stay, the others are trained.
        assert found['end'].keys() == search_of().state_dict().keys()
        for name in gone:
            assert torch.equal(found['end'][name], found['start'][name])
        for name in found['exchanged']:
            assert not torch.equal(found['end'][name], found['start'][name])


def test_ranks_agree(ranks):
    for first, second in zip(*ranks[0]):
        assert same(first['optimizers'], second['optimizers'])
        assert same(first['end'], second['end'])


def test_the_checkpoint_has_no_optimizer_state_of_losers(ranks):
    results, work_dir = ranks
    through = results[0][0]
    for epoch, lost in ((2, 0), (3, 8)):
        saved = torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)
        optimizer = saved['optimizer']['architecture']
        assert len(optimizer['param_groups'][0]['params']) == 3 * 4 + 2 + 8
        assert len(optimizer['state']) == 3 * 4 + 2 + 8 - lost
        assert saved['state_dict'].keys() == through['end'].keys()
