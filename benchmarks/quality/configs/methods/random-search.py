"""Random search with weight sharing (Li and Talwalkar, UAI 2019)."""

_base_ = './spos.py'

custom_hooks = [
    *_base_.custom_hooks[:-1],
    dict(
        type='SelectChildHook',
        strategy=dict(type='RandomSelection', num_paths=20),
        dataloader=_base_.select_dataloader,
    ),
]
