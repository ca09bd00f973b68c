"""One's own images: a folder per class, see ImageFolder."""

# The number of classes is found from the folders by tools/train.py.
data_preprocessor = dict(
    type='mmcls.ClsDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)

# Images are decoded once; their short edge stays above twice that of the results.
train_pipeline = [
    dict(type='LoadKeptImage', short_edge=256),
    dict(type='mmcls.RandomResizedCrop', scale=96, crop_ratio_range=(0.4, 1.0)),
    dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmcls.PackClsInputs'),
]
test_pipeline = [
    dict(type='LoadKeptImage', short_edge=256),
    dict(type='mmcls.ResizeEdge', scale=110, edge='short'),
    dict(type='mmcls.CenterCrop', crop_size=96),
    dict(type='mmcls.PackClsInputs'),
]

data_root = 'data/images'
train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    worker_init_fn=dict(type='mmdsnas.seed_worker'),
    collate_fn=dict(type='default_collate'),
    # Started anew in every epoch, whose random states they take: see resume.md.
    persistent_workers=False,
    dataset=dict(
        type='ImageFolder', data_root=data_root, split='train', pipeline=train_pipeline
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    collate_fn=dict(type='default_collate'),
    persistent_workers=True,
    dataset=dict(
        type='ImageFolder', data_root=data_root, split='val', pipeline=test_pipeline
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmcls.Accuracy', topk=(1,))
# The folder test; where there is none, val.
test_dataloader = {
    **val_dataloader,
    'dataset': dict(val_dataloader['dataset'], split='test'),
}
test_evaluator = val_evaluator
