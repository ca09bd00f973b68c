from itertools import chain
from logging import WARNING
from typing import Any

import torch.nn as nn
from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmdsnas.utils.options import checked_options
from .search_optim_wrapper_dict import SearchOptimWrapperDict

KEYS = ('architecture', 'mutator')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, with one parameter group for each set of options.

    With a ``paramwise_cfg`` mmengine makes a group, and a line in the log, of
    every parameter: thousands in a supernet. The optimizer then steps them one
    by one, and every scheduler walks over them in every iteration.

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
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs
    ) -> None:
        """See mmengine's method, which calls itself; ``params`` gets merged groups."""
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
        merged: dict[tuple, dict] = {}
        for group in params:
            options = {key: value for key, value in group.items() if key != 'params'}
            key = tuple(sorted(options.items()))
            merged.setdefault(key, dict(params=[], **options))
            merged[key]['params'] += group['params']
        params[:] = merged.values()


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class SearchOptimWrapperConstructor:
    """Builds the optimizers of weights and ``alpha``.

    Each is built by :class:`GroupedOptimWrapperConstructor`.

    Args:
        optim_wrapper_cfg (dict): ``architecture`` and ``mutator``, each the
            config of an ``OptimWrapper``; optionally ``amp``, see
            :class:`SearchOptimWrapperDict`.
        paramwise_cfg (dict, optional): Not allowed here; it belongs into
            ``architecture``.

    Raises:
        ConfigError: A key is missing or unknown.
    """

    @checked_options
    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: None = None
    ) -> None:
        config = dict(optim_wrapper_cfg)
        self.amp = config.pop('amp', None)
        if set(config) != set(KEYS):
            raise ConfigError(
                'optim_wrapper must have the keys architecture and mutator '
                f'(and may have amp), but has {", ".join(sorted(config))}.'
            )
        self.constructors: dict[str, GroupedOptimWrapperConstructor] = {}
        for key in KEYS:
            part = dict(config[key])
            paramwise = part.pop('paramwise_cfg', None)
            self.constructors[key] = GroupedOptimWrapperConstructor(part, paramwise)

    def __call__(self, module: nn.Module) -> SearchOptimWrapperDict:
        """Builds the optimizers for a model, wrapped or not."""
        parts = getattr(module, 'module', module)
        wrappers = {key: c(getattr(parts, key)) for key, c in self.constructors.items()}
        return SearchOptimWrapperDict(amp=self.amp, **wrappers)
