import copy
from itertools import count, islice
from typing import Any, Iterator

from mmengine.runner import Runner
from torch import Tensor

from mmdsnas.utils.random_state import random_states_kept
from .contenders import Contender
from .hooks.checkpoint.exact_resume_hook import restart_accumulation
from .hooks.utils import algorithm_of, train_loader
from .scoring import OutputDistance

Weights = dict[str, Tensor]


class Trials:
    """Short trainings of contenders, each from the weights that the search has.

    They have the optimizers and the images of the search, at the learning rate that its
    config begins with; all see the same images, augmented alike.

    Args:
        runner (Runner): Of the search.
        distance (OutputDistance): Measures what they are trained to.
        steps (int): Of the first round; each doubles them.
    """

    def __init__(self, runner: Runner, distance: OutputDistance, steps: int) -> None:
        self.runner, self.distance, self.steps = runner, distance, steps
        with random_states_kept(runner.seed):
            self._loader = train_loader(runner, 'ChooseChildHook')
        self._start = self._copy()
        # By contender: weights and optimizers after the rounds that it had.
        self._trained: dict[int, tuple[Weights, Any]] = {}

    def train(self, contender: Contender, round_: int) -> float:
        """Trains one for a round, and gives its distance from the network then."""
        runner, algorithm = self.runner, algorithm_of(self.runner)
        weights, optimizers = self._trained.get(id(contender), (self._start, None))
        if optimizers is None:
            config = copy.deepcopy(runner.cfg.optim_wrapper)
            optimizers = runner.build_optim_wrapper(config)
        algorithm.load_state_dict(weights)
        path, size = contender.path, contender.input_size
        number = self.steps * 2**round_
        # No gradient may be left for what is trained next.
        restart_accumulation(optimizers, number)
        with random_states_kept(runner.seed), algorithm.executing(path, size):
            algorithm.train()
            for batch in islice(self._batches(round_), number):
                runner.model.train_step(batch, optimizers)
        self._trained[id(contender)] = self._copy(), optimizers
        with self.distance.still():
            return self.distance(path, size)

    def weights(self, contender: Contender | None) -> Weights:
        """The weights of one, those of the search before for None or the untrained."""
        return self._trained.get(id(contender), (self._start, None))[0]

    def _batches(self, round_: int) -> Iterator[Any]:
        """As many as are asked for; each round begins with another order."""
        for epoch in count(round_ + 1):
            if hasattr(self._loader.sampler, 'set_epoch'):
                self._loader.sampler.set_epoch(epoch)
            yield from self._loader

    def _copy(self) -> Weights:
        weights = algorithm_of(self.runner).state_dict()
        return {name: tensor.clone() for name, tensor in weights.items()}
