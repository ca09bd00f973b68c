from .constrained import ConstrainedAlgorithm
from .dsnas import DSNAS
from .limited import LimitedAlgorithm
from .stages import Stage, StagedAlgorithm
