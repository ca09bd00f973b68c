"""Fashion-MNIST, 28 x 28, padded to 32 x 32."""

data_preprocessor = dict(
    type='mmcls.ClsDataPreprocessor',
    num_classes=10,
    mean=[72.9] * 3,
    std=[90.0] * 3,
    to_rgb=False,
)

train_pipeline = [
    dict(type='mmcls.RandomCrop', crop_size=32, padding=4),
    dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmcls.PackClsInputs'),
]
test_pipeline = [
    dict(type='Pad', size=(32, 32)),
    dict(type='mmcls.PackClsInputs'),
]

# Searched for in data/fashion-mnist, then where the Debian package
# dataset-fashion-mnist puts it; a folder given here is the only one searched.
data_root = None
train_dataloader = dict(
    batch_size=128,
    num_workers=2,
    worker_init_fn=dict(type='mmdsnas.seed_worker'),
    collate_fn=dict(type='default_collate'),
    # Started anew in every epoch, whose random states they take: see resume.md.
    persistent_workers=False,
    dataset=dict(
        type='FashionMNIST', data_root=data_root, split='train', pipeline=train_pipeline
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=2,
    collate_fn=dict(type='default_collate'),
    persistent_workers=True,
    dataset=dict(
        type='FashionMNIST', data_root=data_root, split='test', pipeline=test_pipeline
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmcls.Accuracy', topk=(1,))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
