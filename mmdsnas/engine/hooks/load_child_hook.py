from typing import Dict

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmdsnas.registry import HOOKS
from mmdsnas.structures import child_of_search, is_of_search
from mmdsnas.utils.checkpoint import check_weights


@HOOKS.register_module()
class LoadChildHook(Hook):
    """Lets the training of a child begin with a checkpoint of a search.

    The authors call it search-from-search. mmengine itself would load what fits
    and only warn of the rest.
    """

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Replaces a search's weights by those of the child.

        Raises:
            CheckpointError: They are not those of this child.
        """
        if not is_of_search(checkpoint):
            return
        model = runner.model
        own = (model.module if is_model_wrapper(model) else model).state_dict()
        weights = child_of_search(checkpoint['state_dict'], own)
        check_weights(own, weights, runner.cfg.load_from)
        checkpoint['state_dict'] = weights
