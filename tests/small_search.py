"""A search by config alone, of small pictures in classes of mmcls: a second a run."""

import torch
import torch.nn as nn
from mmcls.structures import ClsDataSample
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mmdsnas.launch.runs import train
from mmdsnas.launch.searching import own_instances
from mmdsnas.registry import DATASETS, MODELS

CLASSES, SIZE = 3, 8


@DATASETS.register_module(force=True)
class RandomPictures(BaseDataset):
    """Random pictures, each in the next of three classes."""

    METAINFO = dict(classes=('a', 'b', 'c'))

    def __init__(self, number: int = 16, **kwargs) -> None:
        self.number = number
        super().__init__(**kwargs)

    def load_data_list(self):
        generator = torch.Generator().manual_seed(0)
        return [
            dict(img=torch.rand(3, SIZE, SIZE, generator=generator), label=i % CLASSES)
            for i in range(self.number)
        ]

    def prepare_data(self, idx: int):
        info = self.get_data_info(idx)
        sample = ClsDataSample().set_gt_label(info['label'])
        return dict(inputs=255 * info['img'], data_samples=sample)


@MODELS.register_module(force=True)
class SmallSpace(nn.Module):
    """Two blocks of two candidates."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(self.block(3, 4), self.block(4, 4))

    def block(self, cin: int, cout: int) -> nn.Module:
        candidates = nn.ModuleDict(
            {
                f'k{k}': nn.Sequential(
                    nn.Conv2d(cin, cout, k, 2, k // 2, bias=False),
                    nn.BatchNorm2d(cout),
                    nn.ReLU(),
                )
                for k in (1, 3)
            }
        )
        return MODELS.build(dict(type='mmdsnas.OneHotMutableOP', candidates=candidates))

    def forward(self, x):
        return (self.blocks(x),)


def loader(shuffle: bool) -> dict:
    return dict(
        batch_size=8,
        num_workers=0,
        dataset=dict(type='RandomPictures'),
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
    )


def config_of(work_dir, **options) -> Config:
    """The config of a search of three epochs.

    Args:
        work_dir (Path): Where it is to run.
        **options: What replaces its parts, merged; a ``__`` is a dot.
    """
    sgd = dict(optimizer=dict(type='SGD', lr=0.1))
    config = Config(
        dict(
            default_scope='mmdsnas',
            work_dir=str(work_dir),
            model=dict(
                type='DSNAS',
                pretrain_epochs=1,
                finetune_epochs=2,
                architecture=dict(
                    type='mmcls.ImageClassifier',
                    backbone=dict(type='SmallSpace'),
                    neck=dict(type='mmcls.GlobalAveragePooling'),
                    head=dict(
                        type='mmcls.LinearClsHead',
                        in_channels=4,
                        num_classes=CLASSES,
                        loss=dict(type='mmcls.CrossEntropyLoss'),
                        topk=(1,),
                    ),
                ),
                resource_estimator=dict(input_shape=(1, 3, SIZE, SIZE)),
            ),
            data_preprocessor=dict(mean=[128.0] * 3, std=[64.0] * 3),
            train_dataloader=loader(True),
            val_dataloader=loader(False),
            test_dataloader=loader(False),
            val_evaluator=dict(type='mmcls.Accuracy', topk=(1,)),
            test_evaluator=dict(type='mmcls.Accuracy', topk=(1,)),
            train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=1),
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(
                constructor='SearchOptimWrapperConstructor',
                architecture=dict(sgd),
                mutator=dict(sgd),
            ),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                exact_resume=dict(type='ExactResumeHook'),
                search_stage=dict(type='SearchStageHook'),
                non_finite=dict(type='NonFiniteHook'),
                rank_agreement=dict(type='RankAgreementHook'),
                average_bn_stats=dict(type='AverageBNStatsHook'),
                safe_checkpoint=dict(type='SafeCheckpointHook'),
                export_child=dict(type='ExportChildHook'),
                resume_validation=dict(type='ResumeValidationHook'),
            ),
            custom_hooks=[],
            randomness=dict(seed=3),
            log_level='WARNING',
        )
    )
    config.merge_from_dict({k.replace('__', '.'): v for k, v in options.items()})
    return config


def run(config: Config, **kwargs):
    """Trains; the runner."""
    with own_instances():
        return train(config, **kwargs)
