"""How far the outputs of paths are from those of a trained network."""

import hashlib
import json
from collections import defaultdict, deque
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms, forward_only, recalibrate
from mmdsnas.models.int8 import Int8
from mmdsnas.models.mutables import OneHotMutableOP, blocks_of
from mmdsnas.models.mutables.outputs import map_tensors
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.models.state import state_kept
from mmdsnas.utils.progress import progress

# Blocks and what they returned, call by call.
Calls = list[tuple[OneHotMutableOP, Any]]
# Nats of outputs that are no numbers: further than any, and a start for log p.
FAR = 1e3


class OutputDistance:
    """Measures paths by what the outputs of a trained network lose.

    The distance of a path is the KL divergence of its outputs from those that the path
    of first candidates had, of images as they come; its mean over the images, and over
    the processes, in nats. Paths are measured while :func:`still` is open.

    Args:
        algorithm (DSNAS): The search.
        batches (Sequence): Of images, as a data loader gives them.

    Attributes:
        mark (str): Another one for other images, weights or candidates.
    """

    def __init__(self, algorithm: DSNAS, batches: Sequence[Any]) -> None:
        self.algorithm = algorithm
        self._blocks = list(blocks_of(algorithm.architecture).values())
        with still(algorithm):
            self._inputs = [
                algorithm.data_preprocessor(batch, False)['inputs'] for batch in batches
            ]
            first, edge = algorithm.first_path(), self._inputs[0].shape[-1]
            self._wanted = self._log_probs(first, edge)
        self.mark = self._mark()
        self._known: dict[tuple[int | str, ...], float] = {}

    def _mark(self) -> str:
        """Tells these images, this network and these candidates from others."""
        mutator, weights = self.algorithm.mutator, self.algorithm.architecture
        shapes = {name: list(w.shape) for name, w in weights.state_dict().items()}
        told = json.dumps([mutator.open_choices, shapes]).encode()
        wanted = self._wanted.cpu().numpy().tobytes()
        return hashlib.sha256(wanted + told).hexdigest()[:16]

    def __call__(self, path: Path, input_size: int) -> float:
        """Distance of a path that gets images of an edge, measured once."""
        key = input_size, *path.values()
        if key not in self._known:
            self._known[key] = self._distance(self._log_probs(path, input_size))
        return self._known[key]

    def of_candidates(self, input_size: int) -> dict[str, list[float]]:
        """Scores candidates by replacing one (Puzzle, arXiv 2411.19146, section 3).

        The score of a candidate is the distance of the path of first candidates with it
        in its group. What is computed before its block is computed once.

        Returns:
            dict[str, list[float]]: By group that is not fixed, in the order of its
            candidates.
        """
        mutator, first = self.algorithm.mutator, self.algorithm.first_path()
        kept: list[Calls] = [[] for _ in self._inputs]
        whole = self._distance(self._log_probs(first, input_size, noted=kept))
        order = [block for block, _ in kept[0]]
        scores = {group: [whole] for group in mutator.free}
        tried = [(g, c) for g in mutator.free for c in mutator.choices(g)[1:]]
        for group, choice in progress(tried, f'Scoring at {input_size} pixels'):
            # A block may be called several times, or not at all.
            own = [k for k, b in enumerate(order) if b in mutator.search_groups[group]]
            known = [calls[: min(own, default=len(order))] for calls in kept]
            path = {**first, group: choice}
            found = self._log_probs(path, input_size, known=known)
            scores[group].append(self._distance(found))
        return scores

    def _distance(self, log_probs: Tensor) -> float:
        far = F.kl_div(log_probs, self._wanted, reduction='batchmean', log_target=True)
        return _over_ranks(far)

    def _log_probs(
        self,
        path: Path,
        input_size: int,
        noted: Sequence[Calls] = (),
        known: Sequence[Calls] = (),
    ) -> Tensor:
        """Log-probabilities of the classes, float64, ``(num_images, num_classes)``.

        Args:
            path (dict[str, str]): Candidate by group.
            input_size (int): Edge of the images.
            noted (Sequence[list]): Gets the calls of the blocks, by batch.
            known (Sequence[list]): Has those that need not be computed, the first ones.
        """
        logits = []
        for k, inputs in enumerate(self._inputs):
            with ExitStack() as opened:
                opened.enter_context(self.algorithm.executing(path, input_size))
                if noted:
                    opened.enter_context(_noting(self._blocks, noted[k]))
                if known:
                    opened.enter_context(_replaying(known[k]))
                logits.append(self.algorithm(inputs, mode='tensor'))
        return torch.cat(logits).double().log_softmax(-1)


@contextmanager
def still(algorithm: DSNAS) -> Iterator[None]:
    """While open, nothing is trained, and BatchNorm normalizes by the batch.

    Modes, buffers and attributes of all modules are put back; what sets ``alpha`` or
    the size of the images meanwhile has to put these back itself.
    """
    norms = batch_norms(algorithm.architecture)
    with torch.no_grad(), state_kept(algorithm), forward_only(norms):
        algorithm.eval()
        for layer in norms:
            layer.train()
        yield


def task_loss(
    algorithm: DSNAS, path: Path, input_size: int, batches: Sequence[Any]
) -> float:
    """The loss of a path by the labels of some images, its mean over the batches."""
    losses = []
    with still(algorithm), algorithm.executing(path, input_size):
        for batch in batches:
            data = algorithm.data_preprocessor(batch, False)
            _make_scores_float(data)
            found = algorithm(**data, mode='loss')
            losses.append(algorithm.parse_losses(found)[0])
    return _over_ranks(torch.stack(losses).mean())


@torch.no_grad()
def int8_loss(
    algorithm: DSNAS,
    path: Path,
    input_size: int,
    batches: Sequence[Any],
    calibration: Sequence[Any],
) -> float:
    """The loss of a path as it is in int8, by the labels of some images.

    BatchNorm normalizes by the statistics of the calibration, as in an exported file:
    those of a batch would make up for what int8 loses.

    Args:
        algorithm (DSNAS): The search; its state is as before afterwards.
        path (dict[str, str]): Candidate by group.
        input_size (int): Edge of the images.
        batches (Sequence): What the loss is of, its mean over the batches.
        calibration (Sequence): Batches for statistics and ranges of feature maps.
    """
    int8, losses = Int8(), []

    def logits(batch: Any) -> Any:
        inputs = algorithm.data_preprocessor(batch, False)['inputs']
        return algorithm(inputs, mode='tensor')

    with state_kept(algorithm), algorithm.executing(path, input_size):
        recalibrate(algorithm, calibration)
        algorithm.eval()
        int8.calibrate(logits, calibration)
        int8.agree()
        for batch in batches:
            data = algorithm.data_preprocessor(batch, False)
            _make_scores_float(data)
            with int8.executing():
                found = algorithm(**data, mode='loss')
            losses.append(algorithm.parse_losses(found)[0])
    return _over_ranks(torch.stack(losses).mean())


def _make_scores_float(data: Mapping[str, Any]) -> None:
    # Where mmcls mixes images in training, labels of others are one-hot, but integers.
    for sample in data.get('data_samples') or ():
        label = getattr(sample, 'gt_label', {})
        if 'score' in label:
            label.score = label.score.float()


def _over_ranks(value: Tensor) -> float:
    """Mean over the processes."""
    all_reduce(value, 'mean')
    # A network whose numbers are spoilt is never the best.
    return float(value.nan_to_num(FAR, FAR).clamp(max=FAR))


@contextmanager
def _noting(blocks: Sequence[OneHotMutableOP], noted: Calls) -> Iterator[None]:
    def note(block: OneHotMutableOP, _: Any, output: Any) -> None:
        # A copy: what follows may write to it.
        noted.append((block, map_tensors(torch.clone, output)))

    with ExitStack() as hooks:
        for block in blocks:
            hooks.callback(block.register_forward_hook(note).remove)
        yield


@contextmanager
def _replaying(known: Calls) -> Iterator[None]:
    """While open, blocks give what is known of their first calls, one after another."""
    outputs = defaultdict(deque)
    for block, output in known:
        outputs[block].append(output)

    def replay(block: OneHotMutableOP, *args: Any, **kwargs: Any) -> Any:
        if outputs[block]:
            return map_tensors(torch.clone, outputs[block].popleft())
        return type(block).forward(block, *args, **kwargs)

    with ExitStack() as opened:
        for block in list(outputs):
            block.forward = partial(replay, block)
            opened.callback(delattr, block, 'forward')
        yield
