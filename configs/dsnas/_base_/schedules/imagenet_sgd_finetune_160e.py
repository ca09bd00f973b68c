"""Goes on with a child of a search: a new cosine over 160 epochs."""

_base_ = './imagenet_sgd_child_240e.py'

max_epochs = 160
# None: the last learning rate of the checkpoint that load_from names.
optim_wrapper = dict(optimizer=dict(lr=None))

param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]

train_cfg = dict(max_epochs=max_epochs)
