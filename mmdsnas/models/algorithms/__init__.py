from .dsnas import DSNAS
from .stage import Stage

__all__ = ['DSNAS', 'Stage']
