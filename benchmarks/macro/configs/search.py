"""The space of NAS-Bench-Macro, searched with the estimator of the paper.

The child is looked up: it is not trained.
"""

custom_imports = dict(
    imports=['mmdsnas', 'benchmarks.macro.space'], allow_failed_imports=False
)
default_scope = 'mmdsnas'
# Set for each run: the folder of the images.
data_root = None

block = dict(
    type='OneHotMutableOP',
    candidates=dict(
        ir_5x5_t6=dict(type='MacroInvertedResidual', kernel_size=5, expansion=6),
        ir_3x3_t3=dict(type='MacroInvertedResidual', kernel_size=3, expansion=3),
        shortcut=dict(type='MacroShortcut'),
    ),
)
max_epochs = 8
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
    mutator=dict(type='DifferentiableMutator', init_std=1e-3, fix_threshold=0.3),
    # As the table counts.
    resource_estimator=dict(
        type='ResourceEstimator', input_shape=(1, 3, 32, 32), count='conv_linear'
    ),
    gradient_estimator=dict(type='DSNASGradient'),
    cost=dict(limit=None),
    pretrain_epochs=2,
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

optim_wrapper = dict(
    constructor='SearchOptimWrapperConstructor',
    architecture=dict(
        type='OptimWrapper',
        optimizer=dict(
            type='SGD', lr=0.05, momentum=0.9, weight_decay=4e-5, nesterov=True
        ),
    ),
    mutator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-2, betas=(0.5, 0.999))
    ),
)
param_scheduler = dict(
    architecture=[
        dict(
            type='CosineAnnealingLR',
            T_max=max_epochs,
            end=max_epochs,
            eta_min=1e-3,
            convert_to_iter_based=True,
        ),
    ],
    mutator=[],
)
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)

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
val_dataloader = dict(
    batch_size=100,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageFolder',
        data_root=data_root,
        split='val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmcls.PackClsInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_cfg = dict()
val_evaluator = dict(type='mmcls.Accuracy', topk=(1,))

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=1000),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=None,
    sampler_seed=dict(type='DistSamplerSeedHook'),
    exact_resume=dict(type='ExactResumeHook'),
    search_stage=dict(type='SearchStageHook'),
    non_finite=dict(type='NonFiniteHook', max_consecutive=10),
)
visualizer = dict(type='mmcls.ClsVisualizer', vis_backends=[])
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
log_level = 'ERROR'
randomness = dict(seed=0)
