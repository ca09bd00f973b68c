from torch.utils.data import BatchSampler, Sampler

from mmdsnas.registry import DATA_SAMPLERS
from mmdsnas.utils.options import Count, checked_options


@DATA_SAMPLERS.register_module()
class NoSingleImageBatchSampler(BatchSampler):
    """Batches as usual, but no last one of a single image beside larger ones.

    BatchNorm cannot normalise one value a channel, which a single image has where maps
    are 1 x 1. The image that is left out is another one in each shuffled epoch.

    Used in a config::

        train_dataloader = dict(batch_sampler=dict(type='NoSingleImageBatchSampler'))

    Args:
        sampler (Sampler): Sampler of the data loader; it has a length, that of a rank.
        batch_size (int): Batch size of the data loader.
    """

    @checked_options
    def __init__(self, sampler: Sampler, batch_size: Count) -> None:
        number = len(sampler)
        single = number % batch_size == 1 and number > batch_size
        super().__init__(sampler, batch_size, drop_last=single)
