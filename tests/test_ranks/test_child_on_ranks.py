"""The child's file is written and read by rank 0; the others do as it does."""

from types import SimpleNamespace

import pytest

from mmdsnas.engine import ExportChildHook
from mmdsnas.engine.evaluation import evaluate_child
from mmdsnas.engine.hooks.checkpoint import export_child_hook
from mmdsnas.errors import CheckpointError
from tests.ranks import WRAPPER, on_ranks
from tests.toy_run import runner_of


def load(folder):
    """What loading a damaged file says."""
    with pytest.raises(CheckpointError) as told:
        evaluate_child(SimpleNamespace(), str(folder / 'damaged.pth'), print)
    return str(told.value)


class OnItsOwnMachine(ExportChildHook):
    """Another rank does not see the files of rank 0."""

    def before_train(self, runner):
        super().before_train(runner)
        if runner.rank:
            self._files = [f'{path}.absent' for path in self._files]


def export(folder, rank_sees):
    """How often the averaged weights of a search are asked for when it ends."""
    asked, hook = [], ExportChildHook() if rank_sees else OnItsOwnMachine()
    averaged = export_child_hook.averaged_weights

    def counted(runner):
        asked.append(runner.epoch)
        return averaged(runner)

    export_child_hook.averaged_weights = counted
    runner = runner_of(folder, [hook], launcher='pytorch', model_wrapper_cfg=WRAPPER)
    runner.train()
    return asked


def both(folder):
    return [load(folder), *(export(folder / str(sees), sees) for sees in (True, False))]


@pytest.mark.slow
def test_ranks_do_the_same(tmp_path):
    (tmp_path / 'damaged.pth').write_bytes(b'P')
    first, second = on_ranks(2, tmp_path, both, tmp_path)
    assert first == second
    assert 'damaged.pth' in first[0]
    # The last epoch was validated, and its child written then.
    assert first[1:] == [[], []]
