from typing import Any

import numpy as np
import torch


def plain(value: Any) -> Any:
    """The same value of built-in types and tensors, which ``weights_only=True`` loads.

    What is neither a dict, a list, a tuple, a number, a string, a tensor nor of NumPy
    becomes its ``str``.
    """
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        kind = tuple if isinstance(value, tuple) else list
        return kind(plain(v) for v in value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    # bool, int, ... themselves; a subclass such as np.str_ is converted.
    for kind in (bool, int, float, str, bytes):
        if isinstance(value, kind):
            return kind(value)
    if value is None or isinstance(value, torch.Tensor):
        return value
    return str(value)
