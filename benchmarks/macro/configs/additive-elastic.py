"""The same, where the smaller block is a part of the larger one."""

_base_ = './additive.py'

model = dict(architecture=dict(backbone=dict(block=dict(type='ElasticMutableOP'))))
