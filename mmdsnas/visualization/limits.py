"""The limits on the cost that a run had."""

import math
from typing import Dict

from .history import Run
from .options import option

# Measure of a limit: the name of its mean cost in the logs, unit, in words.
MEASURES = {
    'flops': ('expected_mflops', 'MFLOPs'),
    'params': ('expected_mparams', 'million parameters'),
    'latency': ('expected_ms', 'ms'),
}


def limits_of(run: Run) -> Dict[str, float]:
    """The limits on the cost that a run had, by measure."""
    limit = option(run.options, 'model.cost.limit')
    limits = limit if isinstance(limit, dict) else {'flops': limit}
    return {
        measure: value
        for measure, value in limits.items()
        if measure in MEASURES
        and isinstance(value, (int, float))
        and math.isfinite(value)
    }
