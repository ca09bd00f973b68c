"""DSNASretrain240 of the authors: the child of their search from scratch."""

_base_ = [
    './_base_/datasets/imagenet_bs128_official.py',
    './_base_/models/shufflenetv2_official_subnet.py',
    './_base_/schedules/imagenet_sgd_child_240e.py',
    './_base_/subnet_runtime.py',
]

model = dict(
    # The authors drop features in the training of a child alone.
    cfg=dict(backbone=dict(norm_cfg=dict(eps=1e-5)), head=dict(dropout=0.1)),
    fix_subnet='{{ fileDirname }}/subnets/dsnas_official.yaml',
)

auto_scale_lr = dict(base_batch_size=1024)
randomness = dict(seed=48)
