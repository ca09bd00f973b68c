"""One candidate everywhere, trained alone: what one would do instead of a search."""

_base_ = '../search.py'

model = dict(pretrain_epochs=0, finetune_epochs=0)
default_hooks = dict(hand_made=dict(type='HandMadeChildHook', network='conv_3x3'))
