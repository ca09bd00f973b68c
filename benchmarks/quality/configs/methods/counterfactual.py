"""The gate with a counterfactual, linearised."""

_base_ = '../search.py'

model = dict(gradient_estimator=dict(type='CounterfactualGradient'))
