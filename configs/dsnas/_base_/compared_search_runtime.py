"""A search whose child is the cheapest obvious network unless one is surely better."""

_base_ = './search_runtime.py'

default_hooks = dict(
    compare_child=dict(type='CompareChildHook', prefer='cheapest'),
)
