import os.path as osp
from collections import deque
from logging import WARNING
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop

from mmdsnas.errors import ConfigError
from mmdsnas.registry import HOOKS
from mmdsnas.subnets.checkpoint import LAST_CHECKPOINT
from mmdsnas.utils.files import remove_leftovers, write_atomically
from mmdsnas.utils.words import shown
from ..utils import model_of

KEPT = 'keep_ckpt_ids'
SUPERSEDED = 'superseded_ckpts'
BACKEND = 'mmdsnas.whole_files'


class WholeFileBackend(LocalBackend):
    """mmengine's access to local files, for files that are never in between.

    A file is there whole or not at all, and one that is to be removed stays until
    :meth:`remove_superseded`, when what takes its place has been written.
    """

    def __init__(self) -> None:
        self.superseded: list[str] = []

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Writes a file, or says by an ``OutputError`` why it cannot."""
        with write_atomically(filepath) as temporary:
            temporary.write_bytes(obj)

    def remove(self, filepath: str | Path) -> None:
        """Notes a file that is to be removed."""
        self.superseded.append(str(filepath))

    def remove_superseded(self) -> None:
        """Removes what was noted, where it still is."""
        for path in self.superseded:
            Path(path).unlink(missing_ok=True)
        self.superseded.clear()


register_backend(BACKEND, WholeFileBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, whose files survive a kill at any moment.

    A checkpoint is first written whole, then named by ``last_checkpoint``, and
    only then those that it takes the place of are removed; so there must be room
    for one more than ``max_keep_ckpts``. What a killed run did not come to remove,
    its successor removes: the checkpoint says what that is. Files outside the
    hook's own folder are never removed, whatever a checkpoint says.

    With ``backend_args`` or a remote ``out_dir`` the files are as whole as that
    backend leaves them. Options are those of mmengine's hook.
    """

    def _init_rule(self, rules: list[str | None], key_indicators: list[str]) -> None:
        try:
            super()._init_rule(rules, key_indicators)
        except (KeyError, ValueError) as error:
            raise ConfigError(
                'default_hooks.checkpoint.save_best must be auto or a metric, and rule '
                'greater or less where the name of the metric does not tell it, but '
                f'they are {shown(key_indicators)} and {shown(rules)}.'
            ) from error

    def before_train(self, runner) -> None:
        """Takes over the files of the run before, and removes its leftovers."""
        if not self.by_epoch and isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError(
                'default_hooks.checkpoint.by_epoch must be True in a run of epochs, '
                'which is resumed at the start of one, but is False.'
            )
        folder = str(self.out_dir or runner.work_dir)
        given = self.backend_args is not None or self.file_client_args is not None
        if not given and type(get_file_backend(folder)) is LocalBackend:
            self.backend_args = dict(backend=BACKEND)
        hub = runner.message_hub
        if KEPT in hub.runtime_info:
            kept = hub.get_info(KEPT)
            # They become a part of file names.
            ids = [i for i in kept if type(i) is int] if type(kept) is list else []
            hub.update_info(KEPT, ids)
        super().before_train(runner)
        if isinstance(self.file_backend, WholeFileBackend):
            self._take_over(hub)
        if is_main_process():
            for folder in {self.out_dir, runner.work_dir}:
                remove_leftovers(folder)
        self._end_saving(hub)

    def _take_over(self, hub) -> None:
        """Names of the run before as far as they are in the own folder."""
        # Whether there was one decides what a new best model saves.
        last = osp.join(self.out_dir, osp.basename(str(hub.get_info('last_ckpt'))))
        self.last_ckpt = last if osp.isfile(last) else None
        if self.save_best is None:
            return
        for key in [key for key in hub.runtime_info if key.startswith('best_ckpt')]:
            hub.update_info(key, self._own_best(hub.get_info(key)))
        self.best_ckpt_path = hub.get_info('best_ckpt')
        self.best_ckpt_path_dict = {
            name: hub.get_info(f'best_ckpt_{name}') for name in self.key_indicators
        }
        old = map(self._own_best, hub.get_info(SUPERSEDED) or [])
        if is_main_process():
            self.file_backend.superseded += [path for path in old if path is not None]

    def _own_best(self, path: Any) -> str | None:
        """A best model in the own folder, also where that has been moved."""
        name = osp.basename(path) if isinstance(path, str) else ''
        own = osp.join(self.out_dir, name)
        there = osp.isfile(own) or name and osp.abspath(path) == osp.abspath(own)
        if name.startswith('best_') and there:
            return own
        if path is not None:
            told = f'The checkpoint names {shown(path)} as its best, which is not in '
            told += f'{self.out_dir}: that file is left alone.'
            print_log(told, 'current', WARNING)
        return None

    def _save_best_checkpoint(self, runner, metrics: dict[str, Any]) -> None:
        if getattr(model_of(runner), 'trains_first', False):
            # What was validated is no child yet.
            return
        super()._save_best_checkpoint(runner, metrics)
        self._end_saving(runner.message_hub)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        hub, files = runner.message_hub, self.file_backend
        surplus = []
        if self.max_keep_ckpts > 0:
            ids = [i for i in self.keep_ckpt_ids if i != step] + [step]
            surplus = ids[: -self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(ids, self.max_keep_ckpts)
            # With the surplus: who resumes this checkpoint removes it.
            hub.update_info(KEPT, ids)
        if self.save_best is not None and isinstance(files, WholeFileBackend):
            hub.update_info(SUPERSEDED, list(map(osp.basename, files.superseded)))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = files.join_path(self.out_dir, name)
        hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            with write_atomically(osp.join(runner.work_dir, LAST_CHECKPOINT)) as file:
                file.write_text(self.last_ckpt, encoding='utf-8')
            for name in map(self.filename_tmpl.format, surplus):
                path = files.join_path(self.out_dir, name)
                if files.isfile(path):
                    files.remove(path)
        self._end_saving(hub)

    def _end_saving(self, hub) -> None:
        """Removes what was superseded, now that all is written."""
        if isinstance(self.file_backend, WholeFileBackend):
            self.file_backend.remove_superseded()
        if self.max_keep_ckpts > 0:
            hub.update_info(KEPT, list(self.keep_ckpt_ids))
        if SUPERSEDED in hub.runtime_info:
            hub.update_info(SUPERSEDED, [])
