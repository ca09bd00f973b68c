"""MMRazor's schedule of DSNAS: 240 epochs, the search ends at 85."""

max_epochs = 240
search_epochs = 85
optim_wrapper = dict(
    constructor='SearchOptimWrapperConstructor',
    architecture=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=4e-5),
        paramwise_cfg=dict(bias_decay_mult=0.0, norm_decay_mult=0.0),
    ),
    mutator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, betas=(0.5, 0.999))
    ),
)

param_scheduler = dict(
    architecture=[
        dict(type='LinearLR', start_factor=0.2, end=5, convert_to_iter_based=True),
        dict(
            type='CosineAnnealingLR',
            T_max=240,
            begin=5,
            end=search_epochs,
            convert_to_iter_based=True,
        ),
        dict(
            type='CosineAnnealingLR',
            T_max=160,
            begin=search_epochs,
            end=max_epochs,
            convert_to_iter_based=True,
        ),
    ],
    mutator=[],
)

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
