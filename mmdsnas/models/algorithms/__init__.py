from .dsnas import DSNAS
from .stages import Stage, StagedAlgorithm

__all__ = ['DSNAS', 'Stage', 'StagedAlgorithm']
