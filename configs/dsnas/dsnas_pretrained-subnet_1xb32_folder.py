_base_ = [
    './_base_/datasets/folder_pretrained_bs32.py',
    './_base_/models/efficientnet_lite0_subnet.py',
    './_base_/schedules/child_adamw_20e.py',
    './_base_/subnet_runtime.py',
]

# num_classes=None: as many as there are class folders.
model = dict(cfg=dict(head=dict(num_classes=None)))

# As in the search's config; a checkpoint of a search brings its input size.
own_images = dict(
    pretrained='efficientnet_lite0',
    input_size=None,
    epochs=None,
    batch_size=None,
    val_ratio=None,
)

auto_scale_lr = dict(base_batch_size=32)
