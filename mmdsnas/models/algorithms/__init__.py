from .dsnas import DSNAS
from .stages import Stage, StagedAlgorithm
