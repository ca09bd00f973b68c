from enum import Enum


class Stage(Enum):
    """Stages of one run, see ``DSNAS``."""

    PRETRAIN = 'pretrain'
    SEARCH = 'search'
    FINETUNE = 'finetune'
