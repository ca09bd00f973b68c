"""What the authors call the weights of their network, and what they are called here.

The authors number the blocks over all stages and keep four slots in each, of which a
child fills one: ``features.I.POS.branch_main.0.weight``.
"""

import re
from typing import Any, Dict, Mapping

import torch
from mmengine.registry import DefaultScope
from torch import nn

from mmdsnas.errors import ConfigError
from mmdsnas.models.architecture import build_architecture
from .subnet import block_names

# Layers outside the blocks: our module, that of the authors.
_LAYERS = (
    (re.compile(r'backbone\.conv1\.conv\.'), 'first_conv.0.'),
    (re.compile(r'backbone\.conv1\.bn\.'), 'first_conv.1.'),
    (re.compile(r'backbone\.layers\.\d+\.conv\.'), 'conv_last.0.'),
    (re.compile(r'backbone\.layers\.\d+\.bn\.'), 'conv_last.1.'),
    (re.compile(r'head\.fc\.(?=weight$)'), 'classifier.0.'),
)


def empty_architecture(model_cfg: Mapping[str, Any]) -> nn.Module:
    """The supernet of a config without memory for its weights.

    Args:
        model_cfg (Mapping): Config of a search or of a ``sub_model``.

    Raises:
        ConfigError: It is neither.
    """
    architecture = model_cfg.get('architecture') or model_cfg.get('cfg')
    if architecture is None:
        raise ConfigError(
            '--config must be that of a search or of its child, but its model is a '
            f'{model_cfg.get("type")}.'
        )
    with DefaultScope.overwrite_default_scope('mmdsnas'), torch.device('meta'):
        return build_architecture(architecture)


def official_names(architecture: nn.Module) -> Dict[str, str]:
    """What the authors call the weights of their network.

    Args:
        architecture (nn.Module): The supernet.

    Returns:
        dict[str, str]: Our name by theirs, in the order of the model.

    Raises:
        ConfigError: The architecture is not that of the authors.
    """
    modules = [
        (re.compile(re.escape(f'{block}._candidates.{choice}.')), f'features.{i}.{k}.')
        for i, (block, op) in enumerate(block_names(architecture).items())
        for k, choice in enumerate(op.choices)
    ]
    modules += _LAYERS
    names = {}
    for ours in architecture.state_dict():
        found = ((ours_re.match(ours), theirs) for ours_re, theirs in modules)
        theirs = next((t + ours[m.end() :] for m, t in found if m), None)
        if theirs is None:
            raise ConfigError(
                "--config must be that of the authors' network, a config of "
                f'dsnas_official, but its network has a weight {ours}.'
            )
        names[theirs] = ours
    return names
