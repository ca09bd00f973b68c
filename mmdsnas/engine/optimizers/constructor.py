from typing import Any, Dict

import torch.nn as nn
from mmrazor.engine.optimizers import SeparateOptimWrapperConstructor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmdsnas.utils.options import checked_options
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
        self, optim_wrapper_cfg: Dict[str, Any], paramwise_cfg: None = None
    ) -> None:
        config = dict(optim_wrapper_cfg)
        self.amp = config.pop('amp', None)
        if set(config) != set(KEYS):
            raise ConfigError(
                'optim_wrapper must have the keys architecture and mutator '
                f'(and may have amp), but has {", ".join(sorted(config))}.'
            )
        super().__init__(config, paramwise_cfg)
        for key in KEYS:
            part = dict(config[key])
            paramwise = part.pop('paramwise_cfg', None)
            self.constructors[key] = GroupedOptimWrapperConstructor(part, paramwise)

    def __call__(self, module: nn.Module) -> SearchOptimWrapperDict:
        """Builds the optimizers for a model, wrapped or not."""
        wrappers = super().__call__(module)
        return SearchOptimWrapperDict(amp=self.amp, **dict(wrappers.items()))
