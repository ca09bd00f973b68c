import warnings

with warnings.catch_warnings():
    # mmcv-lite warns that it lacks compiled operators; DSNAS needs none.
    warnings.filterwarnings('ignore', 'Fail to import')
    import mmrazor.models

from .algorithms import DSNAS, Stage
from .cost import COSTS, Cost, CostTable, CostTerm, ResourceEstimator
from .efficientnet_lite import EfficientNetLite
from .elastic_blocks import elastic_blocks
from .gradient_estimators import *  # noqa: F403
from .mutables import ElasticMutableOP, OneHotMutableOP
from .mutators import DifferentiableMutator
from .official_network import (
    BiasFreeClsHead,
    OfficialShuffleBlock,
    OfficialShuffleNetV2,
    OfficialShuffleXception,
    SmoothCrossEntropy,
)
