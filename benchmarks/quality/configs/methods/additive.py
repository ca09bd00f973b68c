"""A sum of effects, fitted to the losses of the sampled paths; then a longer child."""

_base_ = '../search.py'

searched, max_epochs = 4, 18
model = dict(
    gradient_estimator=dict(type='AdditiveGradient'),
    mutator=dict(fix_threshold=None),
    pretrain_epochs=1,
    finetune_epochs=searched,
)
# The child starts with the learning rate that a network of its own would have.
param_scheduler = dict(
    architecture=[
        _base_.schedule[0],
        dict(
            type='CosineRestartLR',
            begin=1,
            end=max_epochs,
            periods=[searched - 1, max_epochs - searched],
            restart_weights=[1, 1],
            eta_min=1e-3,
            convert_to_iter_based=True,
        ),
    ]
)
custom_hooks = [dict(type='CompareChildHook', prefer='costliest', confidence=0.95)]
