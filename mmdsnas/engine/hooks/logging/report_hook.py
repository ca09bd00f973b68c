from mmengine.dist import master_only
from mmengine.hooks import Hook

from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Natural, checked_options


@HOOKS.register_module()
class ReportHook(Hook):
    """Writes the report of the run, ``report.html`` in the work directory.

    At the end of the run, and now and then before it, so that a run that is killed
    has one too; ``tools/visualization/report.py`` writes it anew at any time. What
    keeps it from being written is a warning, and not the end of the run.

    Args:
        interval (int): Epochs from one writing to the next; 0 writes at the end
            alone.
    """

    @checked_options
    def __init__(self, interval: Natural = 10) -> None:
        self.interval = interval
        self._training = False

    def before_train(self, runner) -> None:
        """Notes that this is a training: tests have an end of the run too."""
        self._training = True

    def after_train_epoch(self, runner) -> None:
        """Writes where an interval ends."""
        if self.every_n_epochs(runner, self.interval):
            self._write(runner)

    def after_run(self, runner) -> None:
        """Writes the whole of it."""
        if self._training:
            self._write(runner)
            self._training = False

    @master_only
    def _write(self, runner) -> None:
        # Here, so that a run that ends otherwise does not wait for it.
        from mmdsnas.visualization import report

        try:
            path = report(runner.work_dir)
        except Exception as error:
            # A result of days must not be lost for a picture of it.
            reason = ' '.join(str(error).split()) or type(error).__name__
            runner.logger.warning(f'The report was not written: {reason}')
        else:
            runner.logger.info(f'The report of the run is {path}.')
