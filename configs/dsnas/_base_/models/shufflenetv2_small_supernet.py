"""A small supernet of the ShuffleNetV2 candidates: 8 blocks, 4 candidates."""

_base_ = './shufflenetv2_openmmlab_mutable.py'

supernet = dict(
    type='mmcls.ImageClassifier',
    backbone=dict(
        type='mmrazor.SearchableShuffleNetV2',
        # channels, number of blocks, block; each stage halves the resolution
        arch_setting=[
            [32, 2, _base_.mutable_cfg],
            [64, 4, _base_.mutable_cfg],
            [128, 2, _base_.mutable_cfg],
        ],
        with_last_layer=False,
        out_indices=(2,),
        norm_cfg=_base_.norm_cfg,
    ),
    neck=dict(type='mmcls.GlobalAveragePooling'),
    head=dict(
        type='mmcls.LinearClsHead',
        num_classes=10,
        in_channels=128,
        loss=dict(type='mmcls.CrossEntropyLoss', loss_weight=1.0),
    ),
)

model = dict(
    type='DSNAS',
    architecture=supernet,
    mutator=dict(type='DifferentiableMutator', init_std=1e-3),
    resource_estimator=dict(type='ResourceEstimator', input_shape=(1, 3, 32, 32)),
    # Why this one, and so short a search: docs/en/quality.md.
    gradient_estimator=dict(type='AdditiveGradient'),
    # Of 45: most of the time is the child's.
    pretrain_epochs=2,
    finetune_epochs=7,
)
