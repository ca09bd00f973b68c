"""A run that chooses its child, by config alone: a pretrained network of two blocks."""

import numpy as np
import torch.nn as nn
from mmcls.models.utils import InvertedResidual
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mmdsnas.models import DSNAS, ElasticMutableOP
from mmdsnas.registry import DATASETS, MODELS
from tests import small_search
from tests.small_search import CLASSES

SIZE, SIZES = 16, (16, 12, 8)
CHANNELS = 4


@DATASETS.register_module(force=True)
class ColouredPictures(BaseDataset):
    """Noise, brighter in the channel of its class; they say their place."""

    METAINFO = dict(classes=('r', 'g', 'b'))

    def __init__(self, number: int = 24, **kwargs) -> None:
        self.number = number
        super().__init__(**kwargs)

    def load_data_list(self):
        noise = np.random.default_rng(0).integers(0, 150, (self.number, SIZE, SIZE, 3))
        bright = 100 * np.eye(CLASSES, dtype=int)
        return [
            dict(
                img=(each + bright[i % CLASSES]).astype(np.uint8), gt_label=i % CLASSES
            )
            for i, each in enumerate(noise)
        ]


def searched() -> ElasticMutableOP:
    """A block of two sizes, or left out."""
    candidates = dict(
        full=InvertedResidual(CHANNELS, CHANNELS, 12),
        small=InvertedResidual(CHANNELS, CHANNELS, 4),
        skip=nn.Identity(),
    )
    return ElasticMutableOP(nn.ModuleDict(candidates))


@MODELS.register_module(force=True)
class SmallElastic(nn.Module):
    """A stem and some blocks; it notes the edges of the images that it trains on."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, CHANNELS, 3, 2, 1), nn.BatchNorm2d(CHANNELS), nn.ReLU()
        )
        self.blocks = nn.ModuleList(searched() for _ in range(blocks))
        self.edges: list[int] = []

    def forward(self, x):
        if self.training:
            self.edges.append(x.shape[-1])
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return (x,)


def classifier(blocks: int = 2) -> dict:
    """Config of the supernet."""
    return dict(
        type='mmcls.ImageClassifier',
        backbone=dict(type='mmdsnas.SmallElastic', blocks=blocks),
        neck=dict(type='mmcls.GlobalAveragePooling'),
        head=dict(
            type='mmcls.LinearClsHead',
            in_channels=CHANNELS,
            num_classes=CLASSES,
            loss=dict(type='mmcls.CrossEntropyLoss'),
            topk=(1,),
        ),
    )


def algorithm_of(blocks: int = 2, **options) -> DSNAS:
    """The search alone, of a network that is pretrained."""
    stages = dict(pretrain_path='first', pretrain_epochs=1, finetune_epochs=1)
    options = {**stages, **options}
    options.setdefault('resource_estimator', dict(input_shape=(1, 3, SIZE, SIZE)))
    return DSNAS(classifier(blocks), **options)


def loader(shuffle: bool, **dataset) -> dict:
    pipeline = [
        dict(type='Resize', scale=(SIZE, SIZE)),
        *([dict(type='mmcls.RandomFlip', prob=0.5)] if shuffle else []),
        dict(type='mmcls.PackClsInputs'),
    ]
    return dict(
        batch_size=8,
        num_workers=0,
        dataset=dict(type='mmdsnas.ColouredPictures', pipeline=pipeline, **dataset),
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
    )


def config_of(work_dir, hook: dict | None = None, **options) -> Config:
    """The config of a run of three epochs, one of them of the whole network.

    Args:
        work_dir (Path): Where it is to run.
        hook (dict, optional): Options of ``ChooseChildHook``.
        **options: See ``small_search.config_of``.
    """
    choosing = dict(num_batches=2, num_paths=4, num_finalists=3)
    choosing.update(type='ChooseChildHook', **(hook or {}))
    model = dict(
        architecture=classifier(),
        pretrain_path='first',
        pretrain_epochs=1,
        finetune_epochs=1,
        input_sizes=SIZES,
        cost=dict(limit='60%'),
        distillation=dict(tau=2.0),
        resource_estimator=dict(input_shape=(1, 3, SIZE, SIZE)),
    )
    return small_search.config_of(
        work_dir,
        **{
            'model': model,
            'train_dataloader': loader(True),
            'val_dataloader': loader(False),
            'test_dataloader': loader(False, number=12),
            'custom_hooks': [choosing],
            **options,
        },
    )
