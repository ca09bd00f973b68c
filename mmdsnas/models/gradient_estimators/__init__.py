from .base import BaseGradientEstimator
from .dsnas import DSNASGradient
from .functional import gate, inner_product

__all__ = ['BaseGradientEstimator', 'DSNASGradient', 'gate', 'inner_product']
