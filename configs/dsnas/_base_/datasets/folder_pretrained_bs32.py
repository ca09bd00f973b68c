"""One's own images, as EfficientNet-Lite takes them."""

_base_ = './folder_bs64.py'

# (x - 127) / 128; cut out and resized bicubically, as it was trained.
data_preprocessor = dict(mean=[127.0] * 3, std=[128.0] * 3)

train_pipeline = [
    dict(type='LoadKeptImage', short_edge=256),
    dict(
        type='mmcls.RandomResizedCrop',
        scale=96,
        crop_ratio_range=(0.4, 1.0),
        interpolation='bicubic',
    ),
    dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmcls.PackClsInputs'),
]
test_pipeline = [
    dict(type='LoadKeptImage', short_edge=256),
    dict(type='mmcls.ResizeEdge', scale=110, edge='short', interpolation='bicubic'),
    dict(type='mmcls.CenterCrop', crop_size=96),
    dict(type='mmcls.PackClsInputs'),
]

train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
