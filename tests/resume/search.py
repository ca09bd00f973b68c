"""The searches that are killed: the digits config with small options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from mmengine.evaluator import BaseMetric

from mmdsnas.registry import METRICS

ROOT = Path(__file__).resolve().parents[2]
BATCH = 16

TEMPLATE = """\
_base_ = ['{root}/configs/dsnas/dsnas_supernet_1xb64_digits.py']

model = dict(
    architecture=dict(head=dict(type='BiasFreeClsHead', dropout=0.2)),
    mutator=dict(init_std=0.2, fix_threshold={fix_threshold}),
    resource_estimator=dict(input_shape=(1, 3, 32, 32)),
    pretrain_epochs={pretrain},
    finetune_epochs={finetune},
)
train_dataloader = dict(
    batch_size={batch},
    num_workers={workers},
    dataset=dict(
        indices={images},
        pipeline=[
            dict(type='Resize', scale=(32, 32)),
            dict(type='mmcls.RandomCrop', crop_size=32, padding=3),
            dict(type='mmcls.PackClsInputs'),
        ],
    ),
)
test_pipeline = [
    dict(type='Resize', scale=(32, 32)),
    dict(type='mmcls.PackClsInputs'),
]
val_dataloader = dict(
    num_workers={workers},
    dataset=dict(indices=24, pipeline=test_pipeline),
)
val_evaluator = [_base_.val_evaluator, dict(type='MeanLabelScore')]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(
    architecture=dict(accumulative_counts={accumulation}),
    mutator=dict(accumulative_counts={accumulation}),
)
param_scheduler = dict(
    architecture=[
        dict(
            type='LinearLR',
            start_factor=0.1,
            begin=0,
            end=1,
            convert_to_iter_based=True,
        ),
        dict(
            type='CosineAnnealingLR',
            begin=1,
            T_max={epochs} - 1,
            end={epochs},
            convert_to_iter_based=True,
        ),
    ],
)
train_cfg = dict(max_epochs={epochs})
default_hooks = dict(
    logger=dict(interval=1),
    checkpoint=dict(save_best='score/mean', rule='greater'),
    kill=dict(type='KillHook'),
{hooks})
"""
EMA = "    ema=dict(type='EMAHook', momentum=0.1),\n"
# What a search without averaged weights has instead.
OTHER_HOOKS = (
    "    recalibrate_bn=dict(type='RecalibrateBNHook', num_batches=2),\n"
    "    sampled_path_val=dict(type='SampledPathValHook'),\n"
)


@METRICS.register_module()
class MeanLabelScore(BaseMetric):
    """Mean score of the labels: any change of the weights changes it."""

    default_prefix = 'score'

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Takes the scores of a batch."""
        for sample in data_samples:
            scores = sample['pred_label']['score']
            self.results.append(scores[sample['gt_label']['label']].item())

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Their mean over all images."""
        return dict(mean=sum(results) / len(results))


@dataclass(frozen=True)
class Stages:
    """Length of a search.

    Args:
        pretrain (int): First epoch of the search stage.
        finetune (int): First epoch of the finetune stage.
        epochs (int): Number of epochs.
        images (int): Images of an epoch.
        fix_threshold (float): See ``DifferentiableMutator``.
    """

    pretrain: int
    finetune: int
    epochs: int
    images: int
    fix_threshold: float


@dataclass(frozen=True)
class Setting:
    """How a search runs.

    Args:
        ranks (int): Processes.
        amp (bool): bf16 and gradients accumulated over 2 batches, not fp32.
        workers (int): Data workers of a rank.
    """

    ranks: int
    amp: bool
    workers: int

    def __str__(self) -> str:
        precision = 'bf16' if self.amp else 'fp32'
        return f'{self.ranks}-{precision}-{self.workers}'

    @property
    def ema(self) -> bool:
        """Whether weights are averaged: in three of four settings."""
        return self.amp or not self.workers

    @property
    def arguments(self) -> list:
        """Arguments of tools/train.py."""
        return (['--amp'] if self.amp else []) + (
            ['--launcher', 'pytorch'] if self.ranks > 1 else []
        )

    def config(self, stages: Stages) -> str:
        """Text of the config of a search."""
        return TEMPLATE.format(
            root=ROOT,
            batch=BATCH // self.ranks,
            workers=self.workers,
            accumulation=2 if self.amp else 1,
            hooks=EMA if self.ema else OTHER_HOOKS,
            **vars(stages),
        )
