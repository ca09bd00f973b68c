from .smooth_cross_entropy import SmoothCrossEntropy

__all__ = ['SmoothCrossEntropy']
