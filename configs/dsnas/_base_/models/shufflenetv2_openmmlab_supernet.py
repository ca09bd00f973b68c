"""The paper's search space in OpenMMLab's ShuffleNetV2: 20 blocks, 4 candidates."""

# With BatchNorm's usual eps of 1e-5 the reward of the last block of a stage
# is rounding noise, see docs/en/method.md.
norm_cfg = dict(type='BN', eps=0.01)

mutable_cfg = dict(
    type='mmdsnas.OneHotMutableOP',
    candidates=dict(
        shuffle_3x3=dict(type='mmrazor.ShuffleBlock', kernel_size=3, norm_cfg=norm_cfg),
        shuffle_5x5=dict(type='mmrazor.ShuffleBlock', kernel_size=5, norm_cfg=norm_cfg),
        shuffle_7x7=dict(type='mmrazor.ShuffleBlock', kernel_size=7, norm_cfg=norm_cfg),
        shuffle_xception=dict(type='mmrazor.ShuffleXception', norm_cfg=norm_cfg),
    ),
)

supernet = dict(
    type='mmcls.ImageClassifier',
    backbone=dict(
        type='mmrazor.SearchableShuffleNetV2',
        # channels, number of blocks, block; each stage halves the resolution
        arch_setting=[
            [64, 4, mutable_cfg],
            [160, 4, mutable_cfg],
            [320, 8, mutable_cfg],
            [640, 4, mutable_cfg],
        ],
        norm_cfg=norm_cfg,
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
)
