from typing import Dict

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.structures import read_subnet, subnet_of_path


@HOOKS.register_module()
class RecordSubnetHook(Hook):
    """Lets a checkpoint name its subnet.

    That of a search names the child it would give; that of a child trained alone
    the subnet it was built from. The tools then build the child without being
    told which one.
    """

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Puts the subnet into ``meta``: candidate by block."""
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        if isinstance(model, DSNAS):
            checkpoint['meta']['subnet'] = subnet_of_path(
                model.architecture,
                model.mutator.search_groups,
                model.mutator.derive_child(),
            )
        elif runner.cfg.model.get('fix_subnet') is not None:
            checkpoint['meta']['subnet'] = read_subnet(runner.cfg.model.fix_subnet)
