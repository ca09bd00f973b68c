from .cost_table import CostTable
from .cost_term import CostTerm
from .costs import (
    COSTS,
    Amounts,
    Cost,
    given_limits,
    limits_of,
    loosest_first,
    split_limits,
)
from .functional import expected_cost, sampled_cost
from .latency import LatencyMeter
from .multipliers import Multipliers
from .resource_estimator import INPUT_SHAPE, ResourceEstimator
from .search_space import random_paths
from .stage_costs import costs_by_stage
