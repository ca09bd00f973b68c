"""Running statistics of BatchNorm layers."""

from typing import List

import torch.nn as nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(model: nn.Module) -> List[_BatchNorm]:
    """The BatchNorm layers of a model that keep running statistics."""
    return [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
