"""The authors' search: a cosine over 240 epochs that is stopped at 85."""

_base_ = './imagenet_sgd_search_240e.py'

max_epochs = 85
optim_wrapper = dict(
    architecture=dict(
        paramwise_cfg=dict(_delete_=True, norm_decay_mult=0.0),
    )
)

# From 1e-4 to 0.5 in 5 epochs, then to 0 at epoch 240.
param_scheduler = dict(
    _delete_=True,
    architecture=[
        dict(type='LinearLR', start_factor=2e-4, end=5, convert_to_iter_based=True),
        dict(
            type='CosineAnnealingLR',
            T_max=235,
            begin=5,
            end=240,
            convert_to_iter_based=True,
        ),
    ],
    mutator=[],
)

train_cfg = dict(max_epochs=max_epochs)
