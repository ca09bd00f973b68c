"""Kills a run at a place that was chosen before it was started."""

import json
import os
import resource
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmdsnas.engine.hooks.utils import algorithm_of
from mmdsnas.registry import HOOKS

# Left in the folder of the run by the process that kills it.
RECORD = 'killed.json'
# The places a run can be killed at.
PLACES = ('epoch', 'iteration', 'validation', 'writing', 'renamed', 'child')


@dataclass
class Kill:
    """Where a run is killed.

    Args:
        place (str): ``'epoch'``: when an epoch has begun; ``'iteration'``: after
            the step of an iteration; ``'validation'``: between the checkpoint of
            the epoch and its end; ``'writing'``: when a part of the bytes of the
            epoch's checkpoint is written; ``'renamed'``: when that file has got
            its name, but is not yet the one to resume; ``'child'``: when a part
            of the bytes of ``subnet.pth`` is written.
        epoch (int): Epoch, from 0.
        iteration (int): Iteration in the epoch, from 0.
        part (float): Part of the bytes, in (0, 1).
        rank (int, optional): The only rank that is killed. None: all, with
            their data workers, at the same moment.
    """

    place: str
    epoch: int
    iteration: int = 0
    part: float = 0.5
    rank: int | None = None

    def __str__(self) -> str:
        detail = ''
        if self.place == 'iteration':
            detail = f' {self.iteration}'
        if self.place in ('writing', 'child'):
            detail = f' ({self.part:.0%})'
        return f'{self.place}{detail} of epoch {self.epoch}'


# Set in the process of a run before it starts; a config would travel into the
# checkpoints.
kill: Kill | None = None


@HOOKS.register_module()
class KillHook(Hook):
    """Carries out the kill of this process, if there is one."""

    # After whatever an iteration does to the weights, before it is logged.
    priority = 'NORMAL'

    def before_train_epoch(self, runner) -> None:
        """Kills at the beginning of an epoch, after blocks were fixed."""
        self._at('epoch', runner, runner.epoch)

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Kills after the step of an iteration."""
        if kill is not None and batch_idx == kill.iteration:
            self._at('iteration', runner, runner.epoch)

    def before_val_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Kills in the first batch of a validation."""
        self._at('validation', runner, runner.epoch - 1)
        if self._is_due('child', runner.epoch - 1):
            _record(runner)
            _limit_files(_size(runner, 'subnet.pth'))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Prepares the kill in the writing of a checkpoint."""
        # Not that of a best score, which comes after the validation.
        epoch = checkpoint['meta']['epoch'] - 1
        if self._is_due('writing', epoch):
            _record(runner)
            _limit_files(_size(runner, 'epoch_*.pth'))
        if self._is_due('renamed', epoch):
            _record(runner)
            _die_after_rename()

    def _is_due(self, place: str, epoch: int) -> bool:
        return kill is not None and (kill.place, kill.epoch) == (place, epoch)

    def _at(self, place: str, runner, epoch: int) -> None:
        # Rank 0 kills for all: others may be there while it writes a file.
        if self._is_due(place, epoch) and get_rank() == (kill.rank or 0):
            _record(runner)
            _die()


def _record(runner) -> None:
    """Leaves a record that the kill took place, and how far the search was."""
    mutator = algorithm_of(runner).mutator
    state = dict(asdict(kill), fixed=len(mutator.fixed), free=len(mutator.free))
    Path(RECORD).write_text(json.dumps(state))


def _die() -> None:
    if kill.rank is None:
        # All ranks and data workers of the run are in one process group.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _size(runner, pattern: str) -> int:
    """Size of the newest file that is there already; the next one is like it."""
    files = Path(runner.work_dir).glob(pattern)
    return max((f.stat() for f in files), key=lambda stat: stat.st_mtime).st_size


def _limit_files(size: int) -> None:
    """Lets the kernel kill this process in the midst of a file of a size.

    However the file is written, the process dies by a signal in the system call
    that would pass the limit, with exactly that many bytes written.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = int(kill.part * size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def _die_after_rename() -> None:
    for name in ('replace', 'rename'):
        setattr(os, name, _deadly(getattr(os, name)))


def _deadly(rename):
    def renamed(source, target, **kwargs):
        rename(source, target, **kwargs)
        if str(target).endswith('.pth'):
            _die()

    return renamed
