"""What searches and children of the benchmark have in common.

81 children: 4 blocks of 3 candidates. Fashion-MNIST, the first 600 training images
of each class, without augmentation.
"""

custom_imports = dict(
    imports=['mmdsnas', 'benchmarks.quality.space'], allow_failed_imports=False
)
default_scope = 'mmdsnas'

block = dict(
    type='OneHotMutableOP',
    candidates=dict(
        conv_1x1=dict(type='ChainConv', kernel_size=1),
        sep_5x5=dict(type='ChainSepConv', kernel_size=5),
        conv_3x3=dict(type='ChainConv', kernel_size=3),
    ),
)
chain = dict(
    type='mmcls.ImageClassifier',
    backbone=dict(
        type='ChainBackbone',
        block=block,
        channels=[8, 16, 16, 32, 32],
        strides=[1, 2, 1, 2],
    ),
    neck=dict(type='mmcls.GlobalAveragePooling'),
    head=dict(
        type='mmcls.LinearClsHead',
        in_channels=32,
        num_classes=10,
        loss=dict(type='mmcls.CrossEntropyLoss'),
    ),
)

data_preprocessor = dict(
    type='mmcls.ClsDataPreprocessor',
    num_classes=10,
    mean=[72.9] * 3,
    std=[90.0] * 3,
    to_rgb=False,
)
pipeline = [dict(type='mmcls.PackClsInputs')]
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='FashionMNIST', split='train', num_samples=6000, pipeline=pipeline
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='FashionMNIST', split='test', pipeline=pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmcls.Accuracy', topk=(1,))

max_epochs = 18
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=4e-5, nesterov=True)
schedule = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        begin=1,
        T_max=max_epochs - 1,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
# Test images are looked at once, when all is over.
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=1000),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=None,
    sampler_seed=dict(type='DistSamplerSeedHook'),
    exact_resume=dict(type='ExactResumeHook'),
)
visualizer = dict(type='mmcls.ClsVisualizer', vis_backends=[])
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
log_level = 'INFO'
randomness = dict(seed=0)
