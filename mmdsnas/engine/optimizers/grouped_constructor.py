from itertools import chain
from logging import WARNING
from typing import Dict, List

import torch.nn as nn
from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, with one parameter group for each set of options.

    With a ``paramwise_cfg`` mmengine makes a group, and a line in the log, of
    every parameter: thousands in a supernet. The optimizer then steps them one
    by one, and every scheduler walks over them in every iteration.

    Args:
        optim_wrapper_cfg (dict): Config of the optimizer wrapper.
        paramwise_cfg (dict, optional): See mmengine's constructor.

    Raises:
        ConfigError: A decay is to be multiplied that the optimizer does not have.
    """

    def _validate_cfg(self) -> None:
        custom = self.paramwise_cfg.get('custom_keys', {}).values()
        for name in chain(self.paramwise_cfg, *custom):
            if name.endswith('decay_mult') and self.base_wd is None:
                raise ConfigError(
                    f'paramwise_cfg has {name}, so optimizer.weight_decay must be a '
                    'number, but there is none.'
                )
        super()._validate_cfg()

    def add_params(
        self, params: List[Dict], module: nn.Module, prefix: str = '', **kwargs
    ) -> None:
        """See mmengine's method; ``params`` gets the merged groups.

        Args:
            params (list[dict]): Parameter groups, changed in place.
            module (nn.Module): The module whose parameters are added.
            prefix (str): Its name; empty for the whole model.
            **kwargs: See mmengine's method, which calls itself.
        """
        if prefix:
            super().add_params(params, module, prefix, **kwargs)
            return
        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel(WARNING)
        try:
            super().add_params(params, module, prefix, **kwargs)
        finally:
            logger.setLevel(level)
        params[:] = _merged(params)


def _merged(groups: List[Dict]) -> List[Dict]:
    merged: Dict[tuple, Dict] = {}
    for group in groups:
        options = {key: value for key, value in group.items() if key != 'params'}
        key = tuple(sorted(options.items()))
        merged.setdefault(key, dict(params=[], **options))['params'] += group['params']
    return list(merged.values())
