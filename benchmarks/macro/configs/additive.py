"""A sum of effects, fitted to the losses of the sampled paths."""

_base_ = './search.py'

model = dict(
    gradient_estimator=dict(type='AdditiveGradient'),
    mutator=dict(fix_threshold=None),
    pretrain_epochs=1,
)
