"""Paths drawn uniformly to the end; effects of candidates are fitted, too."""

_base_ = './additive.py'

model = dict(mutator=dict(init_std=0.0), pretrain_epochs=1)
# Alpha stays where it is.
optim_wrapper = dict(mutator=dict(optimizer=dict(lr=0.0)))
