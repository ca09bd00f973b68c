"""Single-path one-shot training of the authors' supernet: paths drawn uniformly."""

_base_ = './dsnas_official-supernet_8xb128_in1k.py'

# Without a spread of alpha every candidate is equally probable, and in the
# pretrain stage alpha does not move.
model = dict(
    mutator=dict(init_std=0.0, fix_threshold=None),
    pretrain_epochs={{_base_.max_epochs}},
    finetune_epochs={{_base_.max_epochs}},
    cost=None,
)
