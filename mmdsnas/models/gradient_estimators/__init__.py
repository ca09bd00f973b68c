from ..mutables.functional import gate, inner_product
from .base import BaseGradientEstimator, GateEstimator, ScoreEstimator, Task
from .counterfactual import CounterfactualGradient
from .dsnas import DSNASGradient
from .gumbel import GDASGradient
from .mixtures import DARTSGradient, SNASGradient
from .paired import PairedGradient
from .proxyless import ProxylessGradient
from .score import ScoreFunctionGradient

__all__ = [
    'BaseGradientEstimator',
    'CounterfactualGradient',
    'DARTSGradient',
    'DSNASGradient',
    'GDASGradient',
    'GateEstimator',
    'PairedGradient',
    'ProxylessGradient',
    'SNASGradient',
    'ScoreEstimator',
    'ScoreFunctionGradient',
    'Task',
    'gate',
    'inner_product',
]
