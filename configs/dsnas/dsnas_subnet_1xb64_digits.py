_base_ = [
    './_base_/datasets/digits_bs64.py',
    './_base_/models/shufflenetv2_small_subnet.py',
    './_base_/schedules/child_sgd_45e.py',
    './_base_/subnet_runtime.py',
]

# The child that dsnas_supernet_1xb64_digits found with seed 0.
model = dict(fix_subnet='{{ fileDirname }}/subnets/dsnas_digits.yaml')

auto_scale_lr = dict(base_batch_size=64)
