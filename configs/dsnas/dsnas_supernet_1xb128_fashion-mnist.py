_base_ = [
    './_base_/datasets/fashion-mnist_bs128.py',
    './_base_/models/shufflenetv2_small_supernet.py',
    './_base_/schedules/search_sgd_45e.py',
    './_base_/compared_search_runtime.py',
]

auto_scale_lr = dict(base_batch_size=128)
