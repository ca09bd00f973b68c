"""Batch samplers: without single images, and of two halves of a data set."""

from typing import Iterator

import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import BatchSampler, Sampler

from mmdsnas.errors import ConfigError
from mmdsnas.registry import DATA_SAMPLERS
from mmdsnas.utils.options import Count, checked_options


@DATA_SAMPLERS.register_module()
class NoSingleImageBatchSampler(BatchSampler):
    """Batches as usual, but no last one of a single image beside larger ones.

    BatchNorm cannot normalise one value a channel, which a single image has where maps
    are 1 x 1. The image that is left out is another one in each shuffled epoch.

    Args:
        sampler (Sampler): Sampler of the data loader; it has a length, that of a rank.
        batch_size (int): Batch size of the data loader.
    """

    @checked_options
    def __init__(self, sampler: Sampler, batch_size: Count) -> None:
        number = len(sampler)
        single = number % batch_size == 1 and number > batch_size
        super().__init__(sampler, batch_size, drop_last=single)


@DATA_SAMPLERS.register_module()
class AlternatingBatchSampler(BatchSampler):
    """Batches of two halves of a data set in turn, for ``HeldOutBatchHook``.

    The halves depend on the number of images alone. Batches at even positions of an
    epoch, from 0, are of the half that trains the weights, those at odd positions of
    the half that is held out. Each half is shuffled and dealt to the ranks as by the
    given sampler, so that all ranks have the same number of batches. An epoch has every
    image, one of an odd number twice, but none that would be a batch by itself.

    Args:
        sampler (DefaultSampler): Sampler of the data loader.
        batch_size (int): Batch size of the data loader.

    Attributes:
        uses_held_out (bool): Whether odd positions have the half that is held out.
            Otherwise they have the other half too, in another order.

    Raises:
        ConfigError: The sampler is another one, or there are fewer than two images.
    """

    @checked_options
    def __init__(self, sampler: Sampler, batch_size: Count) -> None:
        if type(sampler) is not DefaultSampler or not sampler.round_up:
            round_up = getattr(sampler, 'round_up', None)
            raise ConfigError(
                'train_dataloader.sampler must be a DefaultSampler with round_up=True '
                'where batch_sampler is AlternatingBatchSampler, but is '
                f'{type(sampler).__name__} with round_up={round_up}.'
            )
        super().__init__(sampler, batch_size, drop_last=False)
        if (num := len(sampler.dataset)) < 2:
            raise ConfigError(
                'train_dataloader.dataset must have at least 2 images where '
                f'batch_sampler is AlternatingBatchSampler, but has {num}.'
            )
        order = torch.randperm(num, generator=torch.Generator().manual_seed(0)).tolist()
        size = (num + 1) // 2
        # Of the same size, so that the last batches of both are.
        self.halves = [order[:size], (order[size:] * 2)[:size]]
        self.uses_held_out = True

    def __iter__(self) -> Iterator[list[int]]:
        """Indices of the images of each batch."""
        halves = self.halves[0], self.halves[int(self.uses_held_out)]
        turns = [self._positions(2 * self.sampler.epoch + turn) for turn in (0, 1)]
        for pair in zip(*turns):
            for half, positions in zip(halves, pair):
                yield [half[i] for i in positions]

    def __len__(self) -> int:
        """Number of batches of this rank, in an epoch."""
        return 2 * len(self._positions(0))

    def _positions(self, epoch: int) -> BatchSampler:
        given = self.sampler
        sampler = DefaultSampler(self.halves[0], given.shuffle, given.seed)
        sampler.set_epoch(epoch)
        return NoSingleImageBatchSampler(sampler, self.batch_size)
