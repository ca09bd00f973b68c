"""Uniform sampling, then an arbitrary path."""

_base_ = '../search.py'

model = dict(
    mutator=dict(init_std=0.0, fix_threshold=None),
    pretrain_epochs=13,
    finetune_epochs=13,
)
default_hooks = dict(
    select_child=dict(type='SelectChildHook', strategy=dict(type='RandomSelection'))
)
