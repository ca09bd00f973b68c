"""The gate with a counterfactual, on images that the weights are not trained on."""

_base_ = '../held_out.py'

model = dict(gradient_estimator=dict(type='CounterfactualGradient'))
