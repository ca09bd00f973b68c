"""What a network loses by each of its candidates alone."""

from typing import Any, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms, forward_only
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.models.state import state_kept
from mmdsnas.utils.progress import progress


@torch.no_grad()
def candidate_scores(
    algorithm: DSNAS, reference: Path, batches: Sequence[Any]
) -> dict[str, list[float]]:
    """Scores candidates by replacing one block (Puzzle, arXiv 2411.19146, section 3).

    The score of a candidate is the KL divergence of the outputs of the path with it
    from those of the reference, in nats, as the mean over the images; BatchNorm
    normalizes by the batch.

    Args:
        algorithm (DSNAS): The search; it is as before afterwards.
        reference (dict[str, str]): The path that a single candidate is put into.
        batches (Sequence): Of training images, as a data loader gives them.

    Returns:
        dict[str, list[float]]: By group, in the order of its candidates.
    """
    mutator = algorithm.mutator
    tried = [(name, c) for name in mutator.free for c in mutator.choices(name)]
    scores: dict[str, list[float]] = {name: [] for name in mutator.free}
    with state_kept(algorithm):
        algorithm.eval()
        inputs = [algorithm.data_preprocessor(batch, False) for batch in batches]
        wanted = _log_probs(algorithm, reference, inputs)
        for name, choice in progress(tried, 'Scoring candidates'):
            if choice == reference[name]:
                scores[name].append(0.0)
                continue
            found = _log_probs(algorithm, {**reference, name: choice}, inputs)
            loss = F.kl_div(found, wanted, reduction='batchmean', log_target=True)
            scores[name].append(float(loss))
    return scores


def _log_probs(algorithm: DSNAS, path: Path, inputs: Sequence[Any]) -> Tensor:
    layers = batch_norms(algorithm.architecture)
    with algorithm.evaluating(path), forward_only(layers):
        for layer in layers:
            layer.train()
        logits = [algorithm._run_forward(batch, mode='tensor') for batch in inputs]
    return torch.cat(logits).double().log_softmax(-1)
