"""Single Path One-Shot: paths drawn uniformly, then the child by evolution."""

_base_ = './random_supernet_1xb128_fashion-mnist.py'

# The last 5000 training images are not trained on; paths are compared on them.
train_dataloader = dict(dataset=dict(indices=55000))
select_dataloader = dict(
    batch_size=500,
    num_workers=2,
    collate_fn=dict(type='default_collate'),
    persistent_workers=True,
    dataset=dict(
        type='FashionMNIST',
        data_root=_base_.data_root,
        split='train',
        indices=-5000,
        pipeline=_base_.test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)

default_hooks = dict(
    select_child=dict(
        strategy=dict(type='EvolutionSelection'), dataloader=select_dataloader
    )
)
