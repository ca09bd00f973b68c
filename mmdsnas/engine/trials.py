import copy
from itertools import cycle, islice
from typing import Any, Sequence

from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmdsnas.utils.random_state import random_states_kept
from .contenders import Contender
from .hooks.checkpoint.exact_resume_hook import restart_accumulation
from .hooks.utils import algorithm_of
from .scoring import int8_loss, task_loss

Weights = dict[str, Tensor]


class Trials:
    """Short trainings of contenders, each from the weights that the search has.

    They have the optimizers and the images of the search, at the learning rate that its
    config begins with; all see the same images, augmented alike. They are judged by the
    loss of training images that none of them is trained on: the outputs of the network
    before are no measure of one that has learned more than it.

    Args:
        runner (Runner): Of the search.
        loader (DataLoader): Of its training images; its order is that of the trials.
        num_held_out (int): Its first batches, and at most half of them, judge.
        steps (int): Of the first round; each doubles them.
        deploy (str): As what they are judged, ``'float32'`` or ``'int8'``; the ranges
            of int8 are those of as many batches, that are trained on.
    """

    def __init__(
        self,
        runner: Runner,
        loader: DataLoader,
        num_held_out: int,
        steps: int,
        deploy: str = 'float32',
    ) -> None:
        self.runner, self.steps = runner, steps
        order = list(loader.batch_sampler)
        held_out = max(min(num_held_out, len(order) // 2), 1)
        # Of a single batch there is nothing to hold out.
        left = _without(loader.dataset, order[:held_out], order[held_out:])
        self._loader, self._order = loader, left or order
        with random_states_kept(runner.seed):
            self._held_out = [*batches_of(loader, order[:held_out])]
            calibrated = self._order[:held_out] if deploy == 'int8' else []
            self._calibration = [*batches_of(loader, calibrated)] if calibrated else []
        self._start = self._copy()
        # By contender: weights and optimizers after the rounds that it had.
        self._trained: dict[int, tuple[Weights, Any]] = {}

    def train(self, contender: Contender, round_: int) -> float:
        """Trains one for a round, and gives its loss then."""
        runner, algorithm = self.runner, algorithm_of(self.runner)
        weights, optimizers = self._trained.get(id(contender), (self._start, None))
        if optimizers is None:
            config = copy.deepcopy(runner.cfg.optim_wrapper)
            optimizers = runner.build_optim_wrapper(config)
        algorithm.load_state_dict(weights)
        path, size = contender.path, contender.input_size
        number = self.steps * 2**round_
        # Rounds go on where the one before ended, again and again through the images.
        order = islice(cycle(self._order), number - self.steps, 2 * number - self.steps)
        # No gradient may be left for what is trained next.
        restart_accumulation(optimizers, number)
        with random_states_kept(runner.seed), algorithm.executing(path, size):
            algorithm.train()
            for batch in batches_of(self._loader, [*order]):
                runner.model.train_step(batch, optimizers)
        self._trained[id(contender)] = self._copy(), optimizers
        if self._calibration:
            given = self._held_out, self._calibration
            return int8_loss(algorithm, path, size, *given)
        return task_loss(algorithm, path, size, self._held_out)

    def weights(self, contender: Contender | None) -> Weights:
        """The weights of one, those of the search before for None or the untrained."""
        return self._trained.get(id(contender), (self._start, None))[0]

    def _copy(self) -> Weights:
        weights = algorithm_of(self.runner).state_dict()
        return {name: tensor.clone() for name, tensor in weights.items()}


def _without(
    dataset: Dataset, gone: Sequence[Sequence[int]], order: Sequence[Sequence[int]]
) -> list[Sequence[int]]:
    """Batches without the images of others, which a data set may repeat."""
    if not (hasattr(dataset, 'dataset') and hasattr(dataset, 'get_data_info')):
        return [*order]
    # mmengine's data set around one tells the places of its images there.
    infos = map(dataset.get_data_info, range(len(dataset)))
    places = [info.get('sample_idx', k) for k, info in enumerate(infos)]
    known = {places[k] for batch in gone for k in batch}
    left = [[k for k in batch if places[k] not in known] for batch in order]
    # Of a single image there is no BatchNorm.
    return [batch for batch in left if len(batch) > 1]


def batches_of(loader: DataLoader, order: Sequence[Sequence[int]]) -> DataLoader:
    """Loads batches of the given images, as a loader does."""
    return DataLoader(
        loader.dataset,
        batch_sampler=order,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        worker_init_fn=loader.worker_init_fn,
    )
