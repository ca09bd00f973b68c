"""What a program that uses an exported file must know."""

from typing import Any, Sequence

import torch
import torch.nn as nn
from mmcls.models import MultiLabelClsHead
from torch import Tensor

from mmdsnas.datasets.kept_images import SHORT_EDGE
from mmdsnas.subnets.subnet import block_names
from mmdsnas.utils.config_values import type_name
from mmdsnas.versions import __version__
from .network import INPUT, OUTPUT, Network

# Transforms that change the size of an image, beside all kinds of Resize.
_SIZES = ('CenterCrop', 'LoadKeptImage', 'Pad')


def describe(
    network: Network,
    inputs: Tensor,
    classes: Sequence[str] = (),
    pipeline: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Describes what an exported network takes and gives; see ``export_child``.

    Returns:
        dict: Plain values by name, which docs/en/user_guides/export.md explains.
    """
    baked = network.with_preprocess
    shape = inputs.shape[1:]
    *size, channels = shape if baked else (*shape[1:], shape[0])
    preprocessor = network.child.data_preprocessor
    head = getattr(network.child, 'head', None)
    # It chooses several labels for an image by the sigmoids.
    several = isinstance(head, MultiLabelClsHead)
    blocks = block_names(network.child)
    rgb = baked or getattr(preprocessor, 'to_rgb', False)
    order = {1: 'GREY', 3: 'RGB' if rgb else 'BGR'}.get(channels)
    return dict(
        classes=list(classes),
        input=INPUT,
        output=OUTPUT,
        input_size=size,
        layout='NHWC' if baked else 'NCHW',
        dtype=str(inputs.dtype).removeprefix('torch.'),
        channels=channels,
        channel_order=order,
        mean=None if baked else _by_channel(preprocessor, 'mean', 0.0, channels),
        std=None if baked else _by_channel(preprocessor, 'std', 1.0, channels),
        several_labels=dict(threshold=head.thr, topk=head.topk) if several else None,
        resize=size_steps(pipeline),
        subnet={name: block.export_chosen() for name, block in blocks.items()},
        mmdsnas_version=__version__,
    )


def size_steps(pipeline: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a pipeline that change an image's size, whatever package they are of."""
    steps = [{**step, 'type': type_name(step)} for step in pipeline]
    for i, step in enumerate(steps):
        if step['type'] == 'LoadKeptImage':
            # What it keeps is of the training alone.
            edge = step.get('short_edge', SHORT_EDGE)
            steps[i] = dict(type=step['type'], short_edge=edge)
    return [s for s in steps if 'Resize' in s['type'] or s['type'] in _SIZES]


def _by_channel(
    preprocessor: nn.Module, name: str, default: float, channels: int
) -> list[float]:
    values = getattr(preprocessor, name, torch.tensor(default)).flatten()
    # Seven digits: what the config has, not what float32 makes of it.
    return [float(f'{value:.7g}') for value in values.expand(channels).tolist()]


def input_sentence(metadata: dict[str, Any]) -> str:
    """What the file takes, in words."""
    size = ' x '.join(map(str, metadata['input_size']))
    order, channels = metadata['channel_order'], metadata['channels']
    kind = f'images in {order}' if order else 'images'
    if metadata['mean'] is None:
        return (
            f'It takes uint8 {kind}, N x {size} x {channels}, and normalises them. '
            'Resizing is not in it: the metadata "resize" say how the test pipeline '
            'does it, and tools/deployment/classify.py does it so.'
        )
    return (
        f'It takes {metadata["dtype"]} {kind}, N x {channels} x {size}, resized and '
        'normalised as its metadata say (--with-preprocess puts the latter into it).'
    )
