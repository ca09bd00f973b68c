"""The small supernet, with candidates that share their weights: docs/en/quality.md."""

_base_ = './shufflenetv2_small_supernet.py'

elastic_cfg = dict(
    type='mmdsnas.ElasticMutableOP',
    # The first one is the largest.
    candidates=dict(
        shuffle_7x7=_base_.mutable_cfg.candidates.shuffle_7x7,
        shuffle_5x5=_base_.mutable_cfg.candidates.shuffle_5x5,
        shuffle_3x3=_base_.mutable_cfg.candidates.shuffle_3x3,
        shuffle_xception=_base_.mutable_cfg.candidates.shuffle_xception,
    ),
)
model = dict(
    architecture=dict(
        backbone=dict(
            arch_setting=[
                [32, 2, elastic_cfg],
                [64, 4, elastic_cfg],
                [128, 2, elastic_cfg],
            ]
        )
    )
)
