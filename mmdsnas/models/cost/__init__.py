from .cost_table import Cost, CostTable
from .cost_term import CostTerm, expected_cost, sampled_cost
from .resource_estimator import ResourceEstimator

__all__ = [
    'Cost',
    'CostTable',
    'CostTerm',
    'ResourceEstimator',
    'expected_cost',
    'sampled_cost',
]
