_base_ = [
    './_base_/datasets/folder_bs64.py',
    './_base_/models/shufflenetv2_small_elastic_supernet.py',
    './_base_/schedules/search_sgd_45e.py',
    './_base_/compared_search_runtime.py',
]

# num_classes=None: as many as there are class folders.
model = dict(
    architecture=dict(head=dict(num_classes=None)),
    resource_estimator=dict(input_shape=(1, 3, 96, 96)),
)

# Options that are None are derived from the images: docs/en/user_guides/own_images.md.
# They are set in the pipelines, loaders, schedules and stages, whatever stands there.
own_images = dict(input_size=None, epochs=None, batch_size=None, val_ratio=None)
default_hooks = dict(search_plan=dict(time_steps=True))

auto_scale_lr = dict(base_batch_size=64)
