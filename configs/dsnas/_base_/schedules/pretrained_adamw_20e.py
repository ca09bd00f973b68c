"""The network as it is for 2 epochs, then the child for 18, each from a high rate."""

tuned, epochs = 2, 20
optim_wrapper = dict(
    constructor='SearchOptimWrapperConstructor',
    architecture=dict(
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05, fused=True),
        paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
        # Small images leave one pixel to the last layers: a batch has little to
        # normalize by, and single gradients are many times longer than the others.
        clip_grad=dict(max_norm=1.0),
    ),
    mutator=dict(
        type='OptimWrapper',
        optimizer=dict(type='Adam', lr=2e-2, betas=(0.5, 0.999)),
    ),
)
param_scheduler = dict(
    architecture=[
        dict(
            type='CosineRestartLR',
            periods=[tuned, epochs - tuned],
            restart_weights=[1, 1],
            eta_min=0,
            begin=0,
            end=epochs,
            by_epoch=True,
            convert_to_iter_based=True,
        )
    ],
    mutator=[],
)

train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
