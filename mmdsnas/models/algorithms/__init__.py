from .dsnas import DSNAS, Stage

__all__ = ['DSNAS', 'Stage']
