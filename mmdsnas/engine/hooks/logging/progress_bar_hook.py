import atexit
import sys
import time

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from rich import progress
from rich.console import Console

from mmdsnas.registry import HOOKS

# Seconds between two drawings of the bar.
INTERVAL = 0.2
# Over which the speed is averaged: a validation falls into it.
SPEED_PERIOD = 120.0


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """A bar with the time that is left, below the lines of the log.

    It is there in an interactive terminal alone, and in the first process; files
    and pipes get the lines of the log as they are.
    """

    _bar: progress.Progress | None = None

    def before_train(self, runner) -> None:
        """Puts the bar below what is printed from now on."""
        if not (is_main_process() and sys.stdout.isatty()):
            return
        self._bar = progress.Progress(
            progress.TextColumn('epoch {task.fields[epoch]}/' + str(runner.max_epochs)),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TextColumn('steps, left:'),
            progress.TimeRemainingColumn(),
            console=Console(file=sys.stdout),
            # A thread that draws could hold a lock when data workers are forked.
            auto_refresh=False,
            transient=True,
            speed_estimate_period=SPEED_PERIOD,
        )
        self._task = self._bar.add_task(
            '', total=runner.max_iters, completed=runner.iter, epoch=runner.epoch + 1
        )
        # The bar's own stdout puts lines above it.
        handlers = runner.logger.handlers
        self._moved = [h for h in handlers if getattr(h, 'stream', 0) is sys.stdout]
        self._bar.start()
        # A run that is killed would leave the terminal without a cursor, and one that
        # fails would leave the bar.
        self._bar.console.show_cursor(True)
        atexit.register(self._bar.stop)
        for handler in self._moved:
            handler.setStream(sys.stdout)
        self._drawn = time.monotonic()

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ) -> None:
        """Moves the bar."""
        if self._bar is None:
            return
        self._bar.update(self._task, completed=runner.iter + 1, epoch=runner.epoch + 1)
        if time.monotonic() - self._drawn >= INTERVAL:
            self._bar.refresh()
            self._drawn = time.monotonic()

    def after_train(self, runner) -> None:
        """Takes the bar away."""
        if self._bar is None:
            return
        atexit.unregister(self._bar.stop)
        self._bar.stop()
        for handler in self._moved:
            handler.setStream(sys.stdout)
        self._bar = None
