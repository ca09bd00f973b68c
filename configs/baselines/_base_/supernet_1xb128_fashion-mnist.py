"""Stages and early fixing of the paper; the most probable path is the child."""

_base_ = '../../dsnas/dsnas_supernet_1xb128_fashion-mnist.py'

model = dict(mutator=dict(fix_threshold=0.3), pretrain_epochs=7, finetune_epochs=28)
default_hooks = dict(compare_child=None)
