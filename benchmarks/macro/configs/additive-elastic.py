"""Effects of candidates that share their weights."""

_base_ = './additive.py'

elastic = dict(type='ElasticMutableOP')
model = dict(architecture=dict(backbone=dict(block=elastic)))
