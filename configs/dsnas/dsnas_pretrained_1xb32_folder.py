_base_ = [
    './_base_/datasets/folder_pretrained_bs32.py',
    './_base_/models/efficientnet_lite0_elastic.py',
    './_base_/schedules/pretrained_adamw_20e.py',
    './_base_/search_runtime.py',
]

# num_classes=None: as many as there are class folders.
model = dict(
    architecture=dict(head=dict(num_classes=None)),
    input_sizes=(96, 80, 64, 48, 32),
    pretrain_epochs=2,
    finetune_epochs=2,
)

# Options that are None are derived from the images: docs/en/user_guides/own_images.md.
# They are set in the pipelines, loaders, schedules and stages, whatever stands there.
own_images = dict(
    # None: a search from nothing, the config that is named otherwise.
    pretrained='efficientnet_lite0',
    otherwise='dsnas_supernet_1xb64_folder',
    # How long it takes on this machine; None: 20 epochs.
    minutes=20,
    compare=False,
    # As what candidates for the child are compared: 'int8'.
    deploy='float32',
    input_size=None,
    epochs=None,
    batch_size=None,
    val_ratio=None,
)
default_hooks = dict(search_plan=dict(time_steps=True))
custom_hooks = [
    dict(type='ChooseChildHook', num_batches=2, num_paths=10),
]

auto_scale_lr = dict(base_batch_size=32)
