from .history import Run, read_run
from .report import report

__all__ = ['Run', 'read_run', 'report']
