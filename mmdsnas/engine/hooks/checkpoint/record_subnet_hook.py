from typing import Dict

from mmengine.hooks import Hook

from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import child_config, read_subnet, subnet_of_path
from ..utils import model_of, plan_of


@HOOKS.register_module()
class RecordSubnetHook(Hook):
    """Lets a checkpoint name its subnet.

    That of a search names the child it would give; that of a child trained alone
    the subnet it was built from. The tools then build the child without being
    told which one, and without a config. That of a search also names the shape of
    the images, and what the run is to do.
    """

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Puts ``subnet``, ``child_config`` and the others into ``meta``."""
        model, meta = model_of(runner), checkpoint['meta']
        if isinstance(model, DSNAS):
            path = model.mutator.child_of(checkpoint['state_dict'], 'mutator.')
            meta['subnet'] = subnet_of_path(model, path)
            meta['input_shape'] = model.resource_estimator.input_shape
            meta['plan'] = plan_of(runner)
        elif runner.cfg.model.get('fix_subnet') is not None:
            meta['subnet'] = read_subnet(runner.cfg.model.fix_subnet)
        if 'subnet' in meta:
            meta['child_config'] = child_config(runner.cfg)
