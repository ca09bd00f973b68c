_base_ = [
    './_base_/datasets/folder_bs64.py',
    './_base_/models/shufflenetv2_small_subnet.py',
    './_base_/schedules/child_sgd_45e.py',
    './_base_/subnet_runtime.py',
]

# num_classes=None: as many as there are class folders.
model = dict(cfg=dict(head=dict(num_classes=None)))

# As in the search's config; a checkpoint of a search brings its input size.
own_images = dict(input_size=None, epochs=None, batch_size=None, val_ratio=None)

auto_scale_lr = dict(base_batch_size=64)
