from typing import Dict

from mmengine.hooks import Hook

from mmdsnas.registry import HOOKS
from mmdsnas.structures import read_subnet


@HOOKS.register_module()
class RecordSubnetHook(Hook):
    """Lets a checkpoint of a child that is trained alone name its subnet.

    ``tools/test.py`` then builds the child without being told which one.
    """

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Puts the subnet of the config's ``sub_model`` into ``meta``."""
        fix_subnet = runner.cfg.model.get('fix_subnet')
        if fix_subnet is not None:
            checkpoint['meta']['subnet'] = read_subnet(fix_subnet)
