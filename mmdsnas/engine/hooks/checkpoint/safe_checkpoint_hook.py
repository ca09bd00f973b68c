from typing import Any, Dict

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer

from mmdsnas.registry import HOOKS
from mmdsnas.subnets.checkpoint import drop_code
from mmdsnas.utils.plain import plain


@HOOKS.register_module()
class SafeCheckpointHook(Hook):
    """Keeps checkpoints loadable with ``torch.load(weights_only=True)``.

    mmengine saves the history of its logs as objects, which safe loading
    refuses, so that a run could not be resumed on torch >= 2.6. This hook
    saves them as tensors and rebuilds them when a checkpoint is loaded.
    """

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Replaces what is neither a tensor nor a plain value."""
        hub = checkpoint['message_hub']
        scalars = {n: _to_tensors(buffer) for n, buffer in hub['log_scalars'].items()}
        checkpoint['message_hub'] = plain({**hub, 'log_scalars': scalars})
        checkpoint['meta'] = plain(checkpoint['meta'])
        if 'param_schedulers' in checkpoint:
            checkpoint['param_schedulers'] = _without_functions(
                checkpoint['param_schedulers']
            )

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Rebuilds the log history, where there is one."""
        drop_code(checkpoint)
        hub = checkpoint.get('message_hub')
        if hub is not None:
            hub['log_scalars'] = {
                name: _from_tensors(**buffer) if isinstance(buffer, dict) else buffer
                for name, buffer in hub['log_scalars'].items()
            }


def _to_tensors(buffer: HistoryBuffer) -> Dict[str, Any]:
    values, counts = buffer.data
    return dict(
        values=torch.from_numpy(values.astype(np.float64)),
        counts=torch.from_numpy(counts.astype(np.int64)),
        max_length=buffer.max_length,
    )


def _from_tensors(
    values: torch.Tensor, counts: torch.Tensor, max_length: int
) -> HistoryBuffer:
    return HistoryBuffer(values.cpu().numpy(), counts.cpu().numpy(), max_length)


def _without_functions(state: Any) -> Any:
    """States of schedulers without what their configs give them anew."""
    if isinstance(state, dict):
        kept = {name: part for name, part in state.items() if not callable(part)}
        return {name: _without_functions(part) for name, part in kept.items()}
    return [_without_functions(p) for p in state] if isinstance(state, list) else state
