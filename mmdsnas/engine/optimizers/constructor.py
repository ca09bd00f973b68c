from typing import Dict, Optional

import torch.nn as nn
from mmrazor.engine.optimizers import SeparateOptimWrapperConstructor

from mmdsnas.errors import ConfigError
from mmdsnas.options import check_options, checked_options, wrapper_type_problem
from mmdsnas.registry import OPTIM_WRAPPER_CONSTRUCTORS
from .grouped_constructor import GroupedOptimWrapperConstructor
from .search_optim_wrapper_dict import SearchOptimWrapperDict

KEYS = ('architecture', 'mutator')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class SearchOptimWrapperConstructor(SeparateOptimWrapperConstructor):
    """Builds the optimizers of weights and ``alpha``.

    MMRazor's constructor takes the model apart; its plain ``OptimWrapperDict``
    cannot be used by mmengine's own ``train_step``, so that the parts, built by
    :class:`GroupedOptimWrapperConstructor`, are put in a
    :class:`SearchOptimWrapperDict`.

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
        self, optim_wrapper_cfg: Dict, paramwise_cfg: Optional[Dict] = None
    ) -> None:
        config = dict(optim_wrapper_cfg)
        self.amp = config.pop('amp', None)
        check_options('SearchOptimWrapperDict', dict(amp=self.amp))
        if set(config) != set(KEYS):
            raise ConfigError(
                'optim_wrapper must have the keys architecture and mutator '
                f'(and may have amp), but has {", ".join(sorted(config))}.'
            )
        for key in KEYS:
            alone = wrapper_type_problem(key, config[key])
            if alone:
                raise ConfigError(f'{alone}.')
        super().__init__(config, paramwise_cfg)
        for key in KEYS:
            part = dict(config[key])
            paramwise = part.pop('paramwise_cfg', None)
            self.constructors[key] = GroupedOptimWrapperConstructor(part, paramwise)

    def __call__(self, module: nn.Module) -> SearchOptimWrapperDict:
        """Builds the optimizers for a model, wrapped or not."""
        wrappers = super().__call__(module)
        return SearchOptimWrapperDict(amp=self.amp, **dict(wrappers.items()))
