"""A baseline: paths drawn uniformly, then the child is an arbitrary path."""

_base_ = '../dsnas/dsnas_supernet_1xb128_fashion-mnist.py'

# Without a spread of alpha every candidate is equally probable, and in the
# pretrain stage alpha does not move.
model = dict(
    mutator=dict(init_std=0.0),
    pretrain_epochs=10,
    finetune_epochs=10,
)

default_hooks = dict(
    compare_child=None,
    select_child=dict(type='SelectChildHook', strategy=dict(type='RandomSelection')),
)
