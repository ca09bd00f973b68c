"""How far the outputs of paths are from those of a trained network."""

from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms, forward_only
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.models.state import state_kept
from mmdsnas.utils.progress import progress

# Outputs of the blocks of a path, block by block in the order of their calls.
Outputs = dict[torch.nn.Module, Any]


class OutputDistance:
    """Measures paths by what the outputs of a trained network lose.

    The distance of a path is the KL divergence of its outputs from those that the path
    of first candidates had, of images as they come; its mean over the images, and over
    the processes, in nats. BatchNorm normalizes by the batch. Paths are measured while
    :meth:`still` is open.

    Args:
        algorithm (DSNAS): The search.
        batches (Sequence): Of images, as a data loader gives them.
    """

    def __init__(self, algorithm: DSNAS, batches: Sequence[Any]) -> None:
        self.algorithm = algorithm
        self._blocks = list(blocks_of(algorithm.architecture).values())
        self._norms = batch_norms(algorithm.architecture)
        with self.still():
            self._inputs = [
                algorithm.data_preprocessor(batch, False)['inputs'] for batch in batches
            ]
            first, edge = algorithm.first_path(), self._inputs[0].shape[-1]
            self._wanted = self._log_probs(first, edge)

    @contextmanager
    def still(self) -> Iterator[None]:
        """While open, nothing is trained; the search is as before afterwards."""
        with torch.no_grad(), state_kept(self.algorithm), forward_only(self._norms):
            self.algorithm.eval()
            for layer in self._norms:
                layer.train()
            yield

    def __call__(self, path: Path, input_size: int) -> float:
        """Distance of a path that gets images of an edge."""
        return self._distance(self._log_probs(path, input_size))

    def of_candidates(self, input_size: int) -> dict[str, list[float]]:
        """Scores candidates by replacing one (Puzzle, arXiv 2411.19146, section 3).

        The score of a candidate is the distance of the path of first candidates with it
        in its group. What is computed before its block is computed once.

        Returns:
            dict[str, list[float]]: By group, in the order of its candidates.
        """
        mutator, first = self.algorithm.mutator, self.algorithm.first_path()
        kept: list[Outputs] = [{} for _ in self._inputs]
        whole = self._distance(self._log_probs(first, input_size, noted=kept))
        order = list(kept[0])
        scores = {group: [whole] for group in mutator.search_groups}
        tried = [(g, c) for g in mutator.free for c in mutator.choices(g)[1:]]
        for group, choice in progress(tried, f'Scoring at {input_size} pixels'):
            start = min(map(order.index, mutator.search_groups[group]))
            known = [{b: outputs[b] for b in order[:start]} for outputs in kept]
            path = {**first, group: choice}
            found = self._log_probs(path, input_size, known=known)
            scores[group].append(self._distance(found))
        return scores

    def _distance(self, log_probs: Tensor) -> float:
        far = F.kl_div(log_probs, self._wanted, reduction='batchmean', log_target=True)
        all_reduce(far, 'mean')
        return float(far)

    def _log_probs(
        self,
        path: Path,
        input_size: int,
        noted: Sequence[Outputs] = (),
        known: Sequence[Outputs] = (),
    ) -> Tensor:
        """Log-probabilities of the classes, float64, ``(num_images, num_classes)``.

        Args:
            path (dict[str, str]): Candidate by group.
            input_size (int): Edge of the images.
            noted (Sequence[dict]): Gets the outputs of the blocks, by batch.
            known (Sequence[dict]): Has those that need not be computed.
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
def _noting(blocks: Sequence[torch.nn.Module], noted: Outputs) -> Iterator[None]:
    def note(block: torch.nn.Module, _: Any, output: Any) -> None:
        noted[block] = output

    with ExitStack() as hooks:
        for block in blocks:
            hooks.callback(block.register_forward_hook(note).remove)
        yield


@contextmanager
def _replaying(known: Outputs) -> Iterator[None]:
    """While open, blocks give what is known instead of computing it."""
    with ExitStack() as opened:
        for block, output in known.items():
            # A copy, which may be written to.
            block.forward = lambda *_, y=output, **__: y.clone()
            opened.callback(delattr, block, 'forward')
        yield
