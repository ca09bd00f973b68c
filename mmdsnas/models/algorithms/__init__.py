from .dsnas import DSNAS
from .stage import Stage
from .staged import StagedAlgorithm

__all__ = ['DSNAS', 'Stage', 'StagedAlgorithm']
