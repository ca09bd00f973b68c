"""A small supernet of the ShuffleNetV2 candidates: 8 blocks, 4 candidates."""

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
            [32, 2, mutable_cfg],
            [64, 4, mutable_cfg],
            [128, 2, mutable_cfg],
        ],
        with_last_layer=False,
        out_indices=(2,),
        norm_cfg=norm_cfg,
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
    mutator=dict(type='DifferentiableMutator', init_std=1e-3, fix_threshold=0.3),
    resource_estimator=dict(type='ResourceEstimator', input_shape=(1, 3, 32, 32)),
)
