from enum import Enum


class Stage(Enum):
    """Stages of one run, see ``DSNAS``."""

    PRETRAIN = 'pretrain'
    SEARCH = 'search'
    FINETUNE = 'finetune'

    @classmethod
    def of(cls, epoch: int, pretrain_epochs: int, finetune_epochs: int) -> 'Stage':
        """The stage that an epoch belongs to.

        Args:
            epoch (int): Counted from 0.
            pretrain_epochs (int): First epoch of the search stage.
            finetune_epochs (int): First epoch of the finetune stage.
        """
        if epoch < pretrain_epochs:
            return cls.PRETRAIN
        return cls.SEARCH if epoch < finetune_epochs else cls.FINETUNE
