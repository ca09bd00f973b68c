"""The paper's search space in OpenMMLab's ShuffleNetV2: 20 blocks, 4 candidates."""

_base_ = './shufflenetv2_openmmlab_mutable.py'

supernet = dict(
    type='mmcls.ImageClassifier',
    backbone=dict(
        type='mmrazor.SearchableShuffleNetV2',
        # channels, number of blocks, block; each stage halves the resolution
        arch_setting=[
            [64, 4, _base_.mutable_cfg],
            [160, 4, _base_.mutable_cfg],
            [320, 8, _base_.mutable_cfg],
            [640, 4, _base_.mutable_cfg],
        ],
        norm_cfg=_base_.norm_cfg,
    ),
    neck=dict(type='mmcls.GlobalAveragePooling'),
    head=dict(
        type='mmcls.LinearClsHead',
        num_classes=1000,
        in_channels=1024,
        loss=dict(
            type='mmcls.LabelSmoothLoss',
            label_smooth_val=0.1,
            num_classes=1000,
            mode='original',
        ),
        topk=(1, 5),
    ),
)

model = dict(
    type='DSNAS',
    architecture=supernet,
    mutator=dict(type='DifferentiableMutator', init_std=1e-3, fix_threshold=0.3),
    resource_estimator=dict(type='ResourceEstimator', input_shape=(1, 3, 224, 224)),
    # The paper's.
    gradient_estimator=dict(type='DSNASGradient'),
)
