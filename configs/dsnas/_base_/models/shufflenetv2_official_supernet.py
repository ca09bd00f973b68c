"""The network of the authors' code: 20 blocks, 4 candidates."""

supernet = dict(
    type='mmcls.ImageClassifier',
    # An eps of 1e-5 is what the authors retrain with.
    backbone=dict(type='OfficialShuffleNetV2', norm_cfg=dict(type='BN', eps=0.01)),
    neck=dict(type='mmcls.GlobalAveragePooling'),
    head=dict(
        type='BiasFreeClsHead',
        num_classes=1000,
        in_channels=1024,
        loss=dict(type='SmoothCrossEntropy', label_smooth_val=0.1),
        topk=(1, 5),
    ),
)

model = dict(
    type='DSNAS',
    architecture=supernet,
    mutator=dict(
        type='DifferentiableMutator', init_mean=1.0, init_std=0.01, fix_threshold=0.3
    ),
    # The authors count convolutions alone.
    resource_estimator=dict(
        type='ResourceEstimator', input_shape=(1, 3, 224, 224), count='conv'
    ),
    # The paper's.
    gradient_estimator=dict(type='DSNASGradient'),
)
