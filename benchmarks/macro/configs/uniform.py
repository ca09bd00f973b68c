"""Uniform sampling: for random paths, and for evolution in the supernet."""

_base_ = './search.py'

model = dict(
    mutator=dict(init_std=0.0, fix_threshold=None), pretrain_epochs=_base_.max_epochs
)
