"""The authors' search-from-search: the child of a search, 160 epochs more.

It takes the child, its weights and the learning rate from load_from, a checkpoint
of dsnas_official-supernet or one that the authors' was converted to.
"""

_base_ = [
    './_base_/datasets/imagenet_bs128_official.py',
    './_base_/models/shufflenetv2_official_subnet.py',
    './_base_/schedules/imagenet_sgd_finetune_160e.py',
    './_base_/subnet_runtime.py',
]

# The authors drop features in the training of a child alone.
model = dict(cfg=dict(head=dict(dropout=0.1)))

default_hooks = dict(reset_bn_stats=dict(type='ResetBNStatsHook'))

load_from = 'work_dirs/dsnas_official-supernet_8xb128_in1k/epoch_80.pth'
randomness = dict(seed=48)
