"""Uniform sampling, then an arbitrary path."""

_base_ = '../search.py'

model = dict(
    mutator=dict(init_std=0.0, fix_threshold=None),
    pretrain_epochs=13,
    finetune_epochs=13,
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SelectChildHook', strategy=dict(type='RandomSelection')),
]
