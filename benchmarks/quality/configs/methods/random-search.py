"""Random search with weight sharing (Li and Talwalkar, UAI 2019)."""

_base_ = './spos.py'

default_hooks = dict(
    select_child=dict(
        strategy=dict(_delete_=True, type='RandomSelection', num_paths=20)
    )
)
