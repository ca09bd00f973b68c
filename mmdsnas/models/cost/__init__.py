from .cost_table import MEASURES, Cost, CostTable
from .cost_term import CostTerm, expected_cost, sampled_cost
from .multipliers import Multipliers
from .resource_estimator import ResourceEstimator
from .stages import costs_by_stage, stage_names

__all__ = [
    'MEASURES',
    'Cost',
    'CostTable',
    'CostTerm',
    'Multipliers',
    'ResourceEstimator',
    'costs_by_stage',
    'expected_cost',
    'sampled_cost',
    'stage_names',
]
