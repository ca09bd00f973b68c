"""A search whose child is an obvious network, unless another path is surely better."""

_base_ = './search_runtime.py'

default_hooks = dict(
    compare_child=dict(type='CompareChildHook'),
)
