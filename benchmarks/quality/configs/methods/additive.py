"""A sum of effects, fitted to the losses of the sampled paths; then a longer child.

The child is an obvious network unless another path is surely better. It is trained as
a network of its own is: with a learning rate that starts anew.
"""

_base_ = '../search.py'

searched, max_epochs = 4, 18
model = dict(
    gradient_estimator=dict(type='AdditiveGradient'),
    mutator=dict(fix_threshold=None),
    pretrain_epochs=1,
    finetune_epochs=searched,
)
warm_up = _base_.schedule[0]
param_scheduler = dict(
    architecture=[
        warm_up,
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
default_hooks = dict(compare_child=dict(type='CompareChildHook'))
