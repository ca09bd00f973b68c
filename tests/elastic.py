"""A small network of mmcls with candidates that share their weights."""

from typing import Any

import torch
import torch.nn as nn

from mmdsnas.registry import MODELS

SIZE, WIDTH = 32, 0.1


def images(number: int = 2) -> torch.Tensor:
    """Random images, always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(number, 3, SIZE, SIZE, generator=generator)


def mobilenet(**options: Any) -> dict:
    """Config of mmcls's MobileNetV2, 8 to 32 channels wide."""
    return dict(type='mmcls.MobileNetV2', widen_factor=WIDTH, **options)


def classifier(backbone: dict, classes: int = 3, **options: Any) -> dict:
    """Config of a classifier as mmcls publishes it."""
    return dict(
        type='mmcls.ImageClassifier',
        backbone=backbone,
        neck=dict(type='mmcls.GlobalAveragePooling'),
        head=dict(
            type='mmcls.LinearClsHead',
            num_classes=classes,
            in_channels=1280,
            loss=dict(type='mmcls.CrossEntropyLoss'),
            topk=(1,),
        ),
        **options,
    )


def elastic(classes: int = 3, backbone: dict | None = None, **options: Any) -> dict:
    """Config of a supernet out of it, with what its backbone and itself get besides."""
    inner = mobilenet(**(backbone or {}))
    blocks = dict(type='elastic_blocks', backbone=inner, expansions=[3])
    return classifier(blocks, classes, **options)


def pretrained(classes: int = 3) -> nn.Module:
    """The classifier as it was, with weights and statistics that matter."""
    torch.manual_seed(1)
    model = MODELS.build(classifier(mobilenet(), classes))
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                nn.init.normal_(tensor, 0, 0.1)
    return model.eval()
