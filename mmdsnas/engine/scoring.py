"""How far the outputs of paths are from those of a trained network."""

from contextlib import contextmanager
from typing import Any, Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms, forward_only
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.models.state import state_kept
from mmdsnas.utils.progress import progress


@contextmanager
def output_distance(
    algorithm: DSNAS, batches: Sequence[Any]
) -> Iterator[Callable[[Path], float]]:
    """While open, measures paths by their outputs.

    Args:
        algorithm (DSNAS): The search; it is as before afterwards.
        batches (Sequence): Of images, as a data loader gives them.

    Yields:
        callable: Gives the KL divergence, in nats, of the outputs of a path from those
        of the path of first candidates, as the mean over the images. BatchNorm
        normalizes by the batch.
    """
    with torch.no_grad(), state_kept(algorithm):
        algorithm.eval()
        inputs = [algorithm.data_preprocessor(batch, False) for batch in batches]
        wanted = _log_probs(algorithm, algorithm.first_path(), inputs)

        def distance(path: Path) -> float:
            found = _log_probs(algorithm, path, inputs)
            return float(
                F.kl_div(found, wanted, reduction='batchmean', log_target=True)
            )

        yield distance


def candidate_scores(
    algorithm: DSNAS, batches: Sequence[Any]
) -> dict[str, list[float]]:
    """Scores candidates by replacing one block (Puzzle, arXiv 2411.19146, section 3).

    The score of a candidate is the :func:`output_distance` of the path of first
    candidates with it in its group.

    Returns:
        dict[str, list[float]]: By free group, in the order of its candidates.
    """
    mutator, first = algorithm.mutator, algorithm.first_path()
    tried = [(name, c) for name in mutator.free for c in mutator.choices(name)]
    scores: dict[str, list[float]] = {name: [] for name in mutator.free}
    with output_distance(algorithm, batches) as distance:
        for name, choice in progress(tried, 'Scoring candidates'):
            scores[name].append(distance({**first, name: choice}))
    return scores


def _log_probs(algorithm: DSNAS, path: Path, inputs: Sequence[Any]) -> Tensor:
    layers = batch_norms(algorithm.architecture)
    with algorithm.evaluating(path), forward_only(layers):
        for layer in layers:
            layer.train()
        logits = [algorithm._run_forward(batch, mode='tensor') for batch in inputs]
    return torch.cat(logits).double().log_softmax(-1)
