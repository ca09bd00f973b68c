from itertools import islice
from pathlib import Path
from typing import Literal

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.models.mutables import ElasticMutableOP, blocks_of
from mmdsnas.models.mutators.grouped_mutator import Path as ChildPath
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, Fraction, Positive, checked_options
from mmdsnas.utils.progress import progress
from mmdsnas.utils.random_state import random_states_kept
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.visualization.csv_files import CHOICE
from ...choice_record import (
    SCORES,
    Scores,
    ScoresBySize,
    read_scores,
    tell_choice,
    write_scores,
)
from ...contenders import (
    Contender,
    finalists,
    obvious_paths,
    steps_of_first_round,
    successive_halving,
)
from ...labelling import check_labels, images_of, labels_of
from ...scoring import OutputDistance, still
from ...trials import Trials
from ...whole_network import allows_whole, keep_whole_network
from ..checkpoint.ema_hook import averaged_weights, restart_averages
from ..utils import algorithm_of, train_loader


@HOOKS.register_module()
class ChooseChildHook(Hook):
    """Chooses the child by scores of its candidates, when the pretrain stage ends.

    It is for a network that is trained already: ``pretrain_path='first'`` of ``DSNAS``.

    1. The network says its soft labels of the training images, if the child is to
       learn from them (``distillation`` of ``DSNAS``).
    2. Smaller candidates that share its weights get what it normalizes by, too. At each
       of the ``input_sizes`` every candidate is scored by what the outputs lose
       when it alone is put in, see ``OutputDistance``. ``log p`` starts in proportion
       to minus the score, so that the most probable path within the limits is the one
       with the smallest sum of scores: the integer program of Puzzle (arXiv
       2411.19146) and LANA (arXiv 2107.10624).
    3. Scores do not simply add up. So the most probable paths of each size are measured
       whole, and the obvious ones within the limits, see ``obvious_paths``, each at the
       largest size that it may have.
    4. The nearest of each kind and size are trained for a moment, and half of them goes
       on, those of the smallest loss of training images that are held out of it, until
       one is left: :func:`~mmdsnas.engine.contenders.successive_halving`.

    Where the network itself is within the limits, it is the child: nothing competes.

    The winner's size is the child's from then on. Without a search stage its path is,
    too, with the weights that it was trained to, where averages of weights begin anew;
    otherwise ``alpha`` starts there.
    ``choice.csv`` in the work directory tells of all contenders; ``compared.csv`` has
    the accuracy of the network itself, ``scores.json`` the scores, which another child
    of the same network need not measure again. A run that is resumed chooses the same.

    Args:
        num_batches (int): Batches of training images, in each process, that paths are
            measured on.
        num_paths (int): How many of the most probable paths of a size are measured.
        num_finalists (int): How many are trained; of a single one nothing is.
        num_held_out (int): Batches of training images, in each process, that finalists
            are judged by; at most half of them.
        trial_part (float): How many steps all finalists are trained for together, as a
            part of those that are left for the child.
        scale (float): Nats of a score that make a candidate e times less probable.
        scores_file (str, optional): Where scores are kept, by default ``scores.json``
            in the work directory.
        deploy (str): What finalists are judged as: ``'int8'`` quantizes each after its
            trial, see ``int8_loss``.

    Raises:
        ConfigError: The network is not trained before it is scored, or images do not
            say their place, which soft labels need.
    """

    @checked_options
    def __init__(
        self,
        num_batches: Count = 8,
        num_paths: Count = 20,
        num_finalists: Count = 4,
        num_held_out: Count = 8,
        trial_part: Fraction = 0.1,
        scale: Positive = 0.1,
        scores_file: str | None = None,
        deploy: Literal['float32', 'int8'] = 'float32',
    ) -> None:
        self.num_batches, self.num_paths = num_batches, num_paths
        self.num_finalists, self.num_held_out = num_finalists, num_held_out
        self.trial_part, self.scale = trial_part, scale
        self.scores_file, self.deploy = scores_file, deploy

    def before_train(self, runner) -> None:
        """Refuses what would show after the pretrain stage."""
        algorithm = algorithm_of(runner)
        path, epochs = algorithm.pretrain_path, algorithm.pretrain_epochs
        if path != 'first' or not 0 < epochs < runner.max_epochs:
            raise ConfigError(
                "ChooseChildHook must have model.pretrain_path='first' and "
                'model.pretrain_epochs of at least 1 and below train_cfg.max_epochs, '
                f'{runner.max_epochs}, since it scores a network that is trained, and '
                f'trains the child, but they are {path!r} and {epochs}.'
            )
        if not runner.epoch and is_main_process():
            # Of another run.
            (Path(runner.work_dir) / CHOICE).unlink(missing_ok=True)
        labels = algorithm.soft_labels
        if labels is None:
            return
        is_fixed, is_within = not algorithm.mutator.free, algorithm.is_within
        if len(labels.logits) or not (is_fixed or allows_whole(algorithm, is_within)):
            check_labels(runner, algorithm)
        else:
            runner.logger.info(
                'model.distillation has no effect without model.cost.limit below the '
                'cost of the network itself: that is the child, whose labels teach it '
                'nothing.'
            )

    def before_train_epoch(self, runner) -> None:
        """Chooses, in the first epoch after the pretrain stage."""
        algorithm = algorithm_of(runner)
        if runner.epoch != algorithm.pretrain_epochs:
            return
        keep_whole_network(runner)
        if allows_whole(algorithm, algorithm.confirms):
            # Nothing is better than the network itself.
            self._settle(algorithm, algorithm.first_path())
            begin = 'alpha begins at' if algorithm.mutator.free else 'The child is'
            runner.logger.info(f'{begin} the network itself{self._no_effect()}.')
            return
        _inherit_normalization(algorithm)
        with averaged_weights(runner), random_states_kept(runner.seed):
            _inherit_normalization(algorithm)
            if algorithm.soft_labels is not None:
                images = images_of(runner.train_dataloader.dataset)
                algorithm.soft_labels.set(labels_of(runner, algorithm), images)
            loader = train_loader(runner, 'ChooseChildHook')
            distance = OutputDistance(algorithm, [*islice(loader, self.num_batches)])
            file = Path(self.scores_file or Path(runner.work_dir) / SCORES)
            are_confirmed = False
            while not are_confirmed:
                scores, contenders = self._contenders(algorithm, distance, file)
                chosen = finalists(contenders, self.num_finalists)
                are_confirmed = _confirmed(algorithm, chosen)
        left = (runner.max_epochs - runner.epoch) * len(loader)
        steps = steps_of_first_round(len(chosen), self.trial_part * left)
        trials = Trials(runner, loader, self.num_held_out, steps, self.deploy)
        winner = successive_halving(chosen, trials.train)
        searches = algorithm.finetune_epochs > algorithm.pretrain_epochs
        algorithm.load_state_dict(trials.weights(None if searches else winner))
        if not searches:
            restart_averages(runner)
        algorithm.set_input_size(winner.input_size)
        self._settle(algorithm, winner.path, scores[winner.input_size])
        tell_choice(runner, contenders, winner, self.deploy)

    def _settle(
        self, algorithm: DSNAS, path: ChildPath, scores: Scores | None = None
    ) -> None:
        """Starts ``alpha`` at a path; fixes the path if there is no search stage."""
        mutator = algorithm.mutator
        free = mutator.free
        logits = self._logits(
            scores or {g: [0.0] * len(mutator.choices(g)) for g in free}
        )
        for group, own in logits.items():
            # It need not be the most probable by the scores alone.
            own[mutator.choices(group).index(path[group])] = max(own) + 1.0
        mutator.set_logits(logits)
        if algorithm.finetune_epochs == algorithm.pretrain_epochs:
            mutator.fix({g: c for g, c in path.items() if g in free})
        else:
            algorithm.restore_limits()

    def _contenders(
        self, algorithm: DSNAS, distance: OutputDistance, file: Path
    ) -> tuple[ScoresBySize, list[Contender]]:
        """Scores by size and group, and who competes; the search is as before."""
        mutator, size_before = algorithm.mutator, algorithm.child_edge
        alpha = {g: a.detach().clone() for g, a in mutator.arch_params.items()}
        obvious, found = obvious_paths(mutator.open_choices), []
        known = on_rank_0(lambda: read_scores(file, distance.mark), 'read scores')
        scores: ScoresBySize = {}
        with still(algorithm):
            for size in algorithm.input_sizes or [algorithm.edge]:
                algorithm.set_input_size(size)
                scores[size] = known.get(size) or distance.of_candidates(size)
                mutator.set_logits(self._logits(scores[size]))
                allowed = algorithm.cost_term.allows
                named_paths = [
                    *(('probable', p) for p in mutator.most_probable(self.num_paths)),
                    *((n, p) for n, p in obvious.items()),
                ]
                # Each once, where it is obvious by that name.
                tried = {(*p.values(),): (n, p) for n, p in named_paths if allowed(p)}
                obvious = {n: p for n, p in obvious.items() if not allowed(p)}
                paths = list(tried.values())
                for name, path in progress(paths, f'Measuring at {size} pixels'):
                    mflops = algorithm.cost_table.cost(path)['flops']
                    far = distance(path, size)
                    found.append(Contender(name, size, path, mflops, far, []))
        if is_main_process() and scores.keys() - known.keys():
            write_scores(file, distance.mark, {**known, **scores})
        # Not put back by what keeps the state.
        algorithm.set_input_size(size_before)
        mutator.set_logits(alpha)
        return scores, found

    def _no_effect(self) -> str:
        return '' if self.deploy == 'float32' else ', and deploy has no effect'

    def _logits(self, scores: Scores) -> dict[str, list[float]]:
        return {group: [-s / self.scale for s in own] for group, own in scores.items()}


def _inherit_normalization(algorithm: DSNAS) -> None:
    """Lets smaller candidates begin with what the network was tuned to."""
    for block in blocks_of(algorithm.architecture).values():
        if isinstance(block, ElasticMutableOP):
            block.inherit_normalization()


def _confirmed(algorithm: DSNAS, contenders: list[Contender]) -> bool:
    """Whether all are within the limits as a whole; the child's size is as before."""
    before, are_confirmed = algorithm.child_edge, True
    for contender in contenders:
        algorithm.set_input_size(contender.input_size)
        are_confirmed = algorithm.confirms(contender.path)
        if not are_confirmed:
            break
    if before in (algorithm.input_sizes or [before]):
        algorithm.set_input_size(before)
    return are_confirmed
