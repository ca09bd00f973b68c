from .history import Run, read_run
from .report import report
