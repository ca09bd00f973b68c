import warnings

with warnings.catch_warnings():
    # mmcv-lite warns that it lacks compiled operators; DSNAS needs none.
    warnings.filterwarnings('ignore', 'Fail to import')
    import mmrazor.models  # noqa: F401

from .algorithms import DSNAS, Stage
from .backbones import OfficialShuffleNetV2
from .cost import Cost, CostTable, CostTerm, ResourceEstimator
from .gradient_estimators import BaseGradientEstimator, DSNASGradient
from .heads import BiasFreeClsHead
from .losses import SmoothCrossEntropy
from .mutables import OneHotMutableOP
from .mutators import DifferentiableMutator
from .ops import OfficialShuffleBlock, OfficialShuffleXception

__all__ = [
    'BaseGradientEstimator',
    'BiasFreeClsHead',
    'Cost',
    'CostTable',
    'CostTerm',
    'DSNAS',
    'DSNASGradient',
    'DifferentiableMutator',
    'OfficialShuffleBlock',
    'OfficialShuffleNetV2',
    'OfficialShuffleXception',
    'OneHotMutableOP',
    'ResourceEstimator',
    'SmoothCrossEntropy',
    'Stage',
]
