from typing import Dict

from mmengine.hooks import Hook

from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.structures import child_of_search, is_of_search
from mmdsnas.utils.weights import check_weights
from .utils import model_of


@HOOKS.register_module()
class LoadFromHook(Hook):
    """Makes of the checkpoint that a run starts with what its model needs.

    A child may begin with a checkpoint of a search, which the authors call
    search-from-search. A checkpoint that has nothing in common with the model is
    refused; mmengine itself would warn and train from scratch.
    """

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Replaces a search's weights by those of the child.

        Raises:
            CheckpointError: They are not those of this child, or the checkpoint
                has no weight of this model at all.
        """
        model, path = model_of(runner), runner.cfg.load_from
        own, weights = model.state_dict(), checkpoint['state_dict']
        if is_of_search(checkpoint) and not isinstance(model, DSNAS):
            weights = checkpoint['state_dict'] = child_of_search(weights, own)
            check_weights(own, weights, path)
        elif not own.keys() & {name.removeprefix('module.') for name in weights}:
            raise CheckpointError(
                f'checkpoint {path} has no weight of this model, but e.g. '
                f'{next(iter(weights), "none at all")}; files of the authors are '
                'converted by tools/model_converters/convert_official.py.'
            )
