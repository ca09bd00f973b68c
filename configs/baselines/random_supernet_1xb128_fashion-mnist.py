"""A baseline: paths drawn uniformly, then the child is an arbitrary path."""

_base_ = './_base_/supernet_1xb128_fashion-mnist.py'

# Without a spread of alpha every candidate is equally probable, and in the
# pretrain stage alpha does not move.
model = dict(
    mutator=dict(init_std=0.0, fix_threshold=None),
    pretrain_epochs=28,
    finetune_epochs=28,
)

default_hooks = dict(
    select_child=dict(type='SelectChildHook', strategy=dict(type='RandomSelection'))
)
