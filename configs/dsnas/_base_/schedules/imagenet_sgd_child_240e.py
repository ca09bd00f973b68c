"""The authors' schedule for a child alone: a cosine after 5 epochs of warm-up."""

max_epochs = 240
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='GroupedOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.34, momentum=0.9, weight_decay=4e-5),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)

# From 1e-4 to 0.34, then to 0.
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4 / 0.34, end=5, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=235,
        begin=5,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
