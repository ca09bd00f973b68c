import platform
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Iterator

import mmengine
import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Natural, checked_options
from mmdsnas.utils.plain import plain
from mmdsnas.versions import __version__
from mmdsnas.visualization.run_record import RunRecord
from ..utils import model_of, plan_of


@HOOKS.register_module()
class ReportHook(Hook):
    """Writes the report of the run, ``report.html`` in the work directory.

    At the end of the run, and now and then before it, so that a run that is killed
    has one too; ``tools/visualization/report.py`` writes it anew at any time, from
    ``DATE_TIME/run.json`` among others, which the hook writes when the training begins
    and after each epoch and validation. What keeps it from writing is a warning.

    Args:
        interval (int): Epochs from one report to the next; 0: at the end alone.
        pictures (bool): Whether the visualizer's backends, such as TensorBoard, get the
            report's pictures at the end, as ``report-NAME.png``.
    """

    @checked_options
    def __init__(self, interval: Natural = 10, pictures: bool = False) -> None:
        self.interval, self.pictures = interval, pictures
        # Of the training; tests have an end of the run too.
        self._record: RunRecord | None = None

    def before_train(self, runner) -> None:
        """Writes what the run is."""
        self._begin = time.monotonic()
        loop, model, cfg = runner.train_loop, model_of(runner), runner.cfg
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        is_search = isinstance(model, DSNAS)
        device = next(model.parameters()).device
        name = torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'
        versions = dict(
            mmdsnas=__version__,
            PyTorch=torch.__version__,
            MMEngine=mmengine.__version__,
            Python=platform.python_version(),
        )
        self._record = RunRecord(
            begin=datetime.now().isoformat(timespec='seconds'),
            seconds=0,
            by_epoch=by_epoch,
            start=_done(runner),
            done=_done(runner),
            length=loop.max_epochs if by_epoch else loop.max_iters,
            per_epoch=len(loop.dataloader) if by_epoch else 1,
            plan=plan_of(runner) if is_search else {},
            limits=dict(model.cost_term.limits) if is_search else {},
            facts=plain(dict(seed=runner.seed, device=name, **versions)),
            config=cfg.pretty_text,
            options=plain(cfg.to_dict()),
        )
        self._update(runner, self._record.start)

    def after_train_epoch(self, runner) -> None:
        """Writes how far the run is, and a report where an interval ends."""
        # The loop counts an epoch after its hooks.
        self._update(runner, _done(runner) + self._record.by_epoch)
        if self.every_n_epochs(runner, self.interval):
            self._report(runner)

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Writes how far the run is."""
        if self._record is not None:
            self._update(runner, _done(runner))

    def after_train(self, runner) -> None:
        """Shows the pictures, before the visualizer is closed."""
        if self.pictures:
            self._update(runner, _done(runner))
            self._show(runner)

    def after_run(self, runner) -> None:
        """Writes the whole of it."""
        if self._record is not None:
            self._update(runner, _done(runner))
            self._report(runner)
            self._record = None

    @master_only
    def _update(self, runner, done: float) -> None:
        self._record.done = done
        self._record.seconds = time.monotonic() - self._begin
        with _warning(runner, 'run.json'):
            self._record.write(Path(runner.log_dir))

    @master_only
    def _report(self, runner) -> None:
        # Here, so that a run that ends otherwise does not wait for it.
        from mmdsnas.visualization import report

        with _warning(runner, 'The report'):
            path = report(runner.work_dir)
            runner.logger.info(f'The report of the run is {path}.')

    @master_only
    def _show(self, runner) -> None:
        from mmdsnas.visualization.report import pictures_of

        with _warning(runner, 'A picture of the report'):
            for name, pixels in pictures_of(runner.work_dir).items():
                # MLflow tells by the ending what kind of file it is.
                runner.visualizer.add_image(f'report-{name}.png', pixels, runner.epoch)


def _done(runner: Runner) -> int:
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    return runner.epoch if by_epoch else runner.iter


@contextmanager
def _warning(runner: Runner, what: str) -> Iterator[None]:
    """Makes an error a warning: no result of days is lost for a picture of it."""
    try:
        yield
    except Exception as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        runner.logger.warning(f'{what} was not written: {reason}')
