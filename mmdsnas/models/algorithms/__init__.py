from .constrained import ConstrainedAlgorithm
from .dsnas import DSNAS
from .stages import Stage, StagedAlgorithm
