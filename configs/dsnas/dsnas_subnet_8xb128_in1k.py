"""The child that MMRazor found: 3.331 M parameters, 299.135 MFLOPs."""

_base_ = [
    './_base_/datasets/imagenet_bs128_openmmlab.py',
    './_base_/models/shufflenetv2_openmmlab_subnet.py',
    './_base_/schedules/imagenet_sgd_child_240e.py',
    './_base_/subnet_runtime.py',
]

model = dict(fix_subnet='{{ fileDirname }}/subnets/dsnas_openmmlab.yaml')
optim_wrapper = dict(optimizer=dict(lr=0.5), paramwise_cfg=dict(bias_decay_mult=0.0))

auto_scale_lr = dict(base_batch_size=1024)
randomness = dict(seed=48)
