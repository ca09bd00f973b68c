from .cost_table import MEASURES, Cost, CostTable
from .cost_term import CostTerm, expected_cost, sampled_cost
from .latency import LatencyMeter
from .limits import EXPECTED, UNITS
from .multipliers import Multipliers
from .resource_estimator import INPUT_SHAPE, ResourceEstimator
from .search_space import random_paths
from .stages import costs_by_stage, stage_names

__all__ = [
    'EXPECTED',
    'INPUT_SHAPE',
    'MEASURES',
    'UNITS',
    'Cost',
    'CostTable',
    'CostTerm',
    'LatencyMeter',
    'Multipliers',
    'ResourceEstimator',
    'costs_by_stage',
    'expected_cost',
    'random_paths',
    'sampled_cost',
    'stage_names',
]
