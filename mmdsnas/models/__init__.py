import warnings

with warnings.catch_warnings():
    # mmcv-lite warns that it lacks compiled operators; DSNAS needs none.
    warnings.filterwarnings('ignore', 'Fail to import')
    import mmrazor.models  # noqa: F401

from .algorithms import DSNAS, Stage
from .cost import Cost, CostTable, CostTerm, ResourceEstimator
from .gradient_estimators import BaseGradientEstimator, DSNASGradient
from .mutables import OneHotMutableOP
from .mutators import DifferentiableMutator

__all__ = [
    'BaseGradientEstimator',
    'Cost',
    'CostTable',
    'CostTerm',
    'DSNAS',
    'DSNASGradient',
    'DifferentiableMutator',
    'OneHotMutableOP',
    'ResourceEstimator',
    'Stage',
]
