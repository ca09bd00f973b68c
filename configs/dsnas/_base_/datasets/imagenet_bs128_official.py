"""ImageNet as the authors of DSNAS read it: decoded and resized with Pillow."""

_base_ = './imagenet_bs128_openmmlab.py'

# They do not turn an image as its EXIF data say.
load_image = dict(
    type='LoadImageFromFile',
    imdecode_backend='pillow',
    color_type='color_ignore_orientation',
)

train_pipeline = [
    load_image,
    dict(type='mmcls.RandomResizedCrop', scale=224, backend='pillow'),
    dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmcls.PackClsInputs'),
]
test_pipeline = [
    load_image,
    dict(type='mmcls.ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='mmcls.CenterCrop', crop_size=224),
    dict(type='mmcls.PackClsInputs'),
]

# Pillow takes about four times as long as OpenCV.
train_dataloader = dict(num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=8, dataset=dict(pipeline=test_pipeline))
