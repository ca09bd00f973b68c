from typing import Any

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

    mmengine saves the history of its logs as objects, which safe loading refuses. This
    hook saves them as tensors and rebuilds them when a checkpoint is loaded.
    """

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Replaces what is neither a tensor nor a plain value."""
        hub, scalars = checkpoint['message_hub'], {}
        for name, buffer in hub['log_scalars'].items():
            values, counts = buffer.data
            scalars[name] = dict(
                values=torch.from_numpy(values.astype(np.float64)),
                counts=torch.from_numpy(counts.astype(np.int64)),
                max_length=buffer.max_length,
            )
        checkpoint['message_hub'] = plain({**hub, 'log_scalars': scalars})
        checkpoint['meta'] = plain(checkpoint['meta'])
        if (schedulers := checkpoint.get('param_schedulers')) is not None:
            checkpoint['param_schedulers'] = _without_functions(schedulers)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Rebuilds the log history, where there is one."""
        drop_code(checkpoint)
        scalars = (checkpoint.get('message_hub') or {}).get('log_scalars', {})
        for name, kept in scalars.items():
            if isinstance(kept, dict):
                values, counts = (kept[n].cpu().numpy() for n in ('values', 'counts'))
                scalars[name] = HistoryBuffer(values, counts, kept['max_length'])


def _without_functions(state: Any) -> Any:
    """States of schedulers without what their configs give them anew."""
    if isinstance(state, dict):
        return {n: _without_functions(p) for n, p in state.items() if not callable(p)}
    return [_without_functions(p) for p in state] if isinstance(state, list) else state
