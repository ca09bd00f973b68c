"""What a measurement was made on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def cpu_model() -> str:
    """Name of the processor."""
    info = Path('/proc/cpuinfo')
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def device_name(device: str) -> str:
    """Name of the processor or the GPU that the steps run on."""
    return cpu_model() if device == 'cpu' else torch.cuda.get_device_name()


def describe(device: str) -> dict[str, Any]:
    """The machine, and what torch is set to.

    Args:
        device (str): ``'cpu'`` or ``'cuda'``.

    Returns:
        dict: Plain values; ``load`` is the mean number of processes that ran or waited
        in the last minute, this one among them.
    """
    found = dict(
        device=device_name(device),
        cpu=cpu_model(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0],
        system=platform.platform(),
        python=platform.python_version(),
        mmengine=version('mmengine'),
        mmrazor=version('mmrazor'),
        torch=torch.__version__,
    )
    if device != 'cpu':
        cudnn = torch.backends.cudnn
        found.update(
            gpu_memory=torch.cuda.get_device_properties(0).total_memory,
            cuda=torch.version.cuda,
            cudnn=cudnn.version(),
            cudnn_benchmark=cudnn.benchmark,
            cudnn_allow_tf32=cudnn.allow_tf32,
            matmul_allow_tf32=torch.backends.cuda.matmul.allow_tf32,
        )
    return found
