from typing import Dict

from mmengine.hooks import Hook

from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.structures import read_subnet, subnet_of_path
from .utils import model_of


@HOOKS.register_module()
class RecordSubnetHook(Hook):
    """Lets a checkpoint name its subnet.

    That of a search names the child it would give; that of a child trained alone
    the subnet it was built from. The tools then build the child without being
    told which one.
    """

    # After EMAHook, whose averages are what is saved.
    priority = 'LOW'

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Puts the subnet into ``meta``: candidate by block."""
        model = model_of(runner)
        if isinstance(model, DSNAS):
            mutator = model.mutator
            checkpoint['meta']['subnet'] = subnet_of_path(
                model.architecture,
                mutator.search_groups,
                mutator.child_of(checkpoint['state_dict'], 'mutator.'),
            )
        elif runner.cfg.model.get('fix_subnet') is not None:
            checkpoint['meta']['subnet'] = read_subnet(runner.cfg.model.fix_subnet)
