"""What the searches have in common: a supernet, for 8 epochs of 15,000 images.

No child is trained: its accuracy is looked up.
"""

custom_imports = dict(
    imports=['mmdsnas', 'benchmarks.macro.space'], allow_failed_imports=False
)
default_scope = 'mmdsnas'

block = dict(
    type='OneHotMutableOP',
    candidates=dict(
        ir_5x5_t6=dict(type='MacroBlock', kernel_size=5, expansion=6),
        ir_3x3_t3=dict(type='MacroBlock', kernel_size=3, expansion=3),
        shortcut=dict(type='MacroShortcut'),
    ),
)
max_epochs, pretrain_epochs = 8, 2
model = dict(
    type='DSNAS',
    architecture=dict(
        type='mmcls.ImageClassifier',
        backbone=dict(type='MacroBackbone', block=block),
        neck=dict(type='mmcls.GlobalAveragePooling'),
        head=dict(
            type='mmcls.LinearClsHead',
            in_channels=1280,
            num_classes=10,
            loss=dict(type='mmcls.CrossEntropyLoss'),
        ),
    ),
    mutator=dict(type='DifferentiableMutator', init_std=1e-3),
    # As the published table counts.
    resource_estimator=dict(
        type='ResourceEstimator', input_shape=(1, 3, 32, 32), count='conv_linear'
    ),
    cost=dict(limit=None),
    pretrain_epochs=pretrain_epochs,
    finetune_epochs=max_epochs,
    channels_last=True,
    data_preprocessor=dict(
        type='mmcls.ClsDataPreprocessor',
        num_classes=10,
        mean=[125.3, 123.0, 113.9],
        std=[63.0, 62.1, 66.7],
        to_rgb=True,
    ),
)

optimizer = dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=4e-5, nesterov=True)
optim_wrapper = dict(
    constructor='SearchOptimWrapperConstructor',
    architecture=dict(type='OptimWrapper', optimizer=optimizer),
    mutator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-2, betas=(0.5, 0.999))
    ),
)
param_scheduler = dict(
    architecture=[
        dict(type='LinearLR', start_factor=0.1, end=1, convert_to_iter_based=True),
        dict(
            type='CosineAnnealingLR',
            begin=1,
            T_max=max_epochs - 1,
            end=max_epochs,
            convert_to_iter_based=True,
        ),
    ],
    mutator=[],
)

data_root = 'data/cifar10'
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageFolder',
        data_root=data_root,
        split='train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmcls.RandomCrop', crop_size=32, padding=4),
            dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='mmcls.PackClsInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
# What SPOS compares paths on, and what ranks them in the supernet.
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageFolder',
        data_root=data_root,
        split='val',
        indices=list(range(0, 2000, 4)),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmcls.PackClsInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmcls.Accuracy', topk=(1,))
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs + 1)
val_cfg = dict()

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=1000),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=None,
    sampler_seed=dict(type='DistSamplerSeedHook'),
    search_stage=dict(type='SearchStageHook'),
    exact_resume=dict(type='ExactResumeHook'),
    non_finite=dict(type='NonFiniteHook', max_consecutive=10),
)
visualizer = dict(type='mmcls.ClsVisualizer', vis_backends=[])
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
