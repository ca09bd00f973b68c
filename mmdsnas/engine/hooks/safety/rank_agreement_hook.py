import hashlib
from typing import Any

from mmengine.dist import all_gather_object, get_world_size
from mmengine.hooks import Hook

from mmdsnas.errors import RankError
from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from ..utils import algorithm_of


@HOOKS.register_module()
class RankAgreementHook(Hook):
    """Ends a distributed search whose ranks do not search the same.

    All ranks make the same steps from the same gradients. After an epoch ``alpha``,
    what is fixed and the child must be the same on all of them, bit for bit.
    """

    def after_train_epoch(self, runner) -> None:
        """Raises a ``RankError`` if the ranks differ."""
        if get_world_size() == 1:
            return
        ranks = all_gather_object(digests(algorithm_of(runner)))
        for rank, theirs in enumerate(ranks):
            parts = [name for name in theirs if theirs[name] != ranks[0][name]]
            if parts:
                raise RankError(
                    f'rank {rank} differs from rank 0 in {", ".join(parts)} after '
                    f'epoch {runner.epoch + 1}: this search is not valid. Go on with '
                    'an earlier checkpoint, by --resume, after the cause is found: '
                    'code that treats ranks differently, or a faulty device.'
                )


def digests(algorithm: DSNAS) -> dict[str, Any]:
    """What all ranks must have in common, by its name; of ``alpha`` a digest."""
    mutator = algorithm.mutator
    alpha = [p.detach().cpu().numpy().tobytes() for p in mutator.arch_params.values()]
    return {
        'alpha': hashlib.sha256(b''.join(alpha)).hexdigest(),
        'the fixed blocks': mutator.fixed,
        'the child': mutator.derive_child(),
        "the size of the child's images": algorithm.child_edge,
    }
