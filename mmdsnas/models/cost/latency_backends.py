"""What executes a network whose latency is measured.

A backend is built of ``device`` and ``threads``. Its ``device`` is what it runs on,
``versions`` is what latencies depend on, by package, and ``prepare(module, args,
kwargs)`` gives what executes a module once, which is on the device and in eval mode.
"""

import platform
import re
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from .network_files import OfTensors, onnx_file

Call = Callable[[], Any]


class PyTorchBackend:
    """Eager PyTorch.

    Raises:
        ConfigError: There is no such device.
    """

    def __init__(self, device: str | None, threads: int) -> None:
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        if self.device == 'cuda' and not torch.cuda.is_available():
            raise ConfigError(
                "resource_estimator.latency.device must be None or 'cpu' where torch "
                "finds no GPU, but is 'cuda'."
            )
        self.versions = dict(torch=torch.__version__)

    def prepare(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> Call:
        return partial(module, *args, **kwargs)


class OnnxRuntimeBackend:
    """ONNX Runtime on the CPU, which among others folds BatchNorm layers.

    Raises:
        ConfigError: Its packages are not installed, the device is another, or a
            module cannot be exported or executed.
    """

    device = 'cpu'

    def __init__(self, device: str | None, threads: int) -> None:
        if device not in (None, 'cpu'):
            raise ConfigError(
                "resource_estimator.latency.device must be None or 'cpu' with "
                f"backend='onnxruntime', but is {device!r}."
            )
        try:
            import onnx  # noqa: F401, torch's exporter needs it
            from onnxruntime import __version__
        except ImportError as error:
            raise ConfigError(
                "resource_estimator.latency.backend must be 'pytorch' where the extra "
                "onnx is not installed (pip install 'mmdsnas[onnx]'), but is "
                "'onnxruntime'."
            ) from error
        self.versions = dict(torch=torch.__version__, onnxruntime=__version__)
        self.threads = threads

    def prepare(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> Call:
        import onnxruntime

        # Made here: a search is copied with what measured its latencies, and these
        # cannot be.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        function = OfTensors(module, args, kwargs).eval()
        arrays = {
            f'input_{i}': t.detach().numpy() for i, t in enumerate(function.tensors)
        }
        # Whatever an exporter or a runtime cannot do has an error of its own.
        try:
            file = onnx_file(function, list(arrays))
            session = onnxruntime.InferenceSession(
                file, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:
            reason = ' '.join(str(error).split())
            raise ConfigError(
                "resource_estimator.latency.backend must be 'pytorch' for a network "
                f'with a {type(module).__name__} that ONNX Runtime cannot have, but '
                f"is 'onnxruntime': {reason}"
            ) from error
        # Without those that the module does not use.
        used = {node.name: arrays[node.name] for node in session.get_inputs()}
        return partial(session.run, None, used)


BACKENDS = dict(pytorch=PyTorchBackend, onnxruntime=OnnxRuntimeBackend)


def hardware(device: str) -> str:
    """Name of the GPU or of the CPU."""
    if device == 'cuda':
        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    text = info.read_text() if info.exists() else ''
    names = re.findall(r'model name\s*:\s*(.+)', text)
    return names[0] if names else platform.processor() or platform.machine()
