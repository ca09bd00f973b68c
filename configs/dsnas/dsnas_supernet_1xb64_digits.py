_base_ = [
    './_base_/datasets/digits_bs64.py',
    './_base_/models/shufflenetv2_small_supernet.py',
    './_base_/schedules/search_sgd_45e.py',
    './_base_/compared_search_runtime.py',
]

model = dict(resource_estimator=dict(input_shape=(1, 3, 64, 64)))

auto_scale_lr = dict(base_batch_size=64)
default_hooks = dict(logger=dict(interval=10))
