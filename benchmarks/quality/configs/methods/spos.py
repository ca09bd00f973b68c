"""Single Path One-Shot (Guo et al., ECCV 2020): uniform sampling, then evolution."""

_base_ = './random.py'

# Training images that no method trains on.
select_dataloader = dict(
    batch_size=500,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='FashionMNIST', split='train', indices=-2000, pipeline=_base_.pipeline
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
default_hooks = dict(
    select_child=dict(
        # 40 of the 81 paths.
        strategy=dict(
            type='EvolutionSelection',
            population=10,
            generations=4,
            top=5,
            num_mutation=5,
            num_crossover=5,
        ),
        dataloader=select_dataloader,
    )
)
