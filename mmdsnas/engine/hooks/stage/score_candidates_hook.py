from itertools import islice

from mmengine.hooks import Hook

from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, Positive, checked_options
from mmdsnas.utils.random_state import random_states_kept
from ...scoring import candidate_scores
from ..checkpoint.ema_hook import averaged_weights
from ..utils import algorithm_of, train_loader


@HOOKS.register_module()
class ScoreCandidatesHook(Hook):
    """Starts ``alpha`` from what the network loses by each candidate alone.

    When the pretrain stage ends, every candidate is put into the path of the first
    candidates, see ``candidate_scores``, and ``log p`` is set in proportion to minus
    its score. So the most probable path within the limits is the one with the smallest
    sum of scores, the integer program of Puzzle (arXiv 2411.19146) and LANA (arXiv
    2107.10624). A run that is resumed sets the same.

    It is for a network that is trained already: ``pretrain_path='first'`` of ``DSNAS``.

    Args:
        num_batches (int): Batches of training images, in each process.
        scale (float): Nats of a score that make a candidate e times less probable.
    """

    @checked_options
    def __init__(self, num_batches: Count = 4, scale: Positive = 0.1) -> None:
        self.num_batches, self.scale = num_batches, scale

    def before_train_epoch(self, runner) -> None:
        """Scores the candidates, in the first epoch after the pretrain stage."""
        algorithm = algorithm_of(runner)
        mutator = algorithm.mutator
        if runner.epoch != algorithm.pretrain_epochs or not mutator.free:
            return
        with averaged_weights(runner), random_states_kept(runner.seed):
            loader = train_loader(runner, 'ScoreCandidatesHook')
            batches = list(islice(loader, self.num_batches))
            scores = candidate_scores(algorithm, batches)
        mutator.set_logits(
            {name: [-s / self.scale for s in own] for name, own in scores.items()}
        )
        table = algorithm.cost_table.labels()
        for name, own in scores.items():
            told = ', '.join(
                f'{choice} {score:.3f}'
                for choice, score in zip(mutator.choices(name), own)
            )
            runner.logger.info(f'Scores of {table[name]}: {told}')
