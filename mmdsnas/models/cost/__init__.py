from .additive import prediction_errors
from .cost_table import CostTable
from .cost_term import CostTerm
from .costs import COSTS, Amounts, Cost
from .device_latency import DeviceLatencyMeter
from .file_size import FileSizeMeter
from .functional import expected_cost, sampled_cost
from .latency import LatencyMeter
from .limits import (
    given_limits,
    in_words,
    limits_of,
    loosest_first,
    split_limits,
)
from .memory_meter import PeakMemoryMeter
from .multipliers import Multipliers
from .peak_memory import peak_memory
from .resource_estimator import INPUT_SHAPE, ResourceEstimator
from .search_space import random_paths
from .stage_costs import costs_by_stage
from .terms import terms_by_size
from .tightening import limits_of_networks, tighter_sums
