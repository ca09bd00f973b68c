_base_ = [
    './_base_/datasets/fashion-mnist_bs128.py',
    './_base_/models/shufflenetv2_small_supernet.py',
    './_base_/schedules/search_sgd.py',
    './_base_/search_runtime.py',
]

model = dict(pretrain_epochs=5, finetune_epochs=20)

auto_scale_lr = dict(base_batch_size=128)
