"""scikit-learn's handwritten digits, 8 x 8, enlarged to 64 x 64."""

data_preprocessor = dict(
    type='mmcls.ClsDataPreprocessor',
    num_classes=10,
    mean=[77.9] * 3,
    std=[95.9] * 3,
    to_rgb=False,
)

train_pipeline = [
    dict(type='Resize', scale=(64, 64)),
    dict(type='mmcls.RandomCrop', crop_size=64, padding=6),
    dict(type='mmcls.PackClsInputs'),
]
test_pipeline = [
    dict(type='Resize', scale=(64, 64)),
    dict(type='mmcls.PackClsInputs'),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    worker_init_fn=dict(type='mmdsnas.seed_worker'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='Digits', split='train', pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=120,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='Digits', split='test', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmcls.Accuracy', topk=(1,))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
