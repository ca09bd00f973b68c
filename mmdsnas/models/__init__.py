import warnings

with warnings.catch_warnings():
    # mmcv-lite warns that it lacks compiled operators; DSNAS needs none.
    warnings.filterwarnings('ignore', 'Fail to import')
    import mmrazor.models  # noqa: F401

from .algorithms import DSNAS, Stage
from .backbones import OfficialShuffleNetV2
from .cost import COSTS, Cost, CostTable, CostTerm, ResourceEstimator
from .gradient_estimators import (
    BaseGradientEstimator,
    CounterfactualGradient,
    DARTSGradient,
    DSNASGradient,
    GateEstimator,
    GDASGradient,
    PairedGradient,
    ProxylessGradient,
    ScoreEstimator,
    ScoreFunctionGradient,
    SNASGradient,
)
from .heads import BiasFreeClsHead
from .losses import SmoothCrossEntropy
from .mutables import OneHotMutableOP
from .mutators import DifferentiableMutator
from .ops import OfficialShuffleBlock, OfficialShuffleXception

__all__ = [
    'COSTS',
    'BaseGradientEstimator',
    'BiasFreeClsHead',
    'Cost',
    'CostTable',
    'CostTerm',
    'CounterfactualGradient',
    'DARTSGradient',
    'DSNAS',
    'DSNASGradient',
    'DifferentiableMutator',
    'GDASGradient',
    'GateEstimator',
    'OfficialShuffleBlock',
    'OfficialShuffleNetV2',
    'OfficialShuffleXception',
    'OneHotMutableOP',
    'PairedGradient',
    'ProxylessGradient',
    'ResourceEstimator',
    'SNASGradient',
    'ScoreEstimator',
    'ScoreFunctionGradient',
    'SmoothCrossEntropy',
    'Stage',
]
