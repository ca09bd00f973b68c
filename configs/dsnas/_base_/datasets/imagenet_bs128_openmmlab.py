"""ImageNet as in MMRazor's DSNAS: 128 images per process, OpenCV."""

data_preprocessor = dict(
    type='mmcls.ClsDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmcls.RandomResizedCrop', scale=224),
    dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmcls.PackClsInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmcls.ResizeEdge', scale=256, edge='short'),
    dict(type='mmcls.CenterCrop', crop_size=224),
    dict(type='mmcls.PackClsInputs'),
]

# With meta/train.txt and meta/val.txt, or with a folder per class in train and
# val: docs/en/user_guides/imagenet.md.
data_root = 'data/imagenet'
train_dataloader = dict(
    batch_size=128,
    num_workers=4,
    worker_init_fn=dict(type='mmdsnas.seed_worker'),
    collate_fn=dict(type='default_collate'),
    # Started anew in every epoch, whose random states they take: see resume.md.
    persistent_workers=False,
    dataset=dict(
        type='ImageNet',
        data_root=data_root,
        data_prefix='train',
        max_corrupt=100,
        pipeline=train_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    collate_fn=dict(type='default_collate'),
    persistent_workers=True,
    dataset=dict(
        type='ImageNet',
        data_root=data_root,
        data_prefix='val',
        test_mode=True,
        pipeline=test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmcls.Accuracy', topk=(1, 5))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
