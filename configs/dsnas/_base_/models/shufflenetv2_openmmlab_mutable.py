"""A block of OpenMMLab's ShuffleNetV2 supernets: the paper's 4 candidates."""

# With BatchNorm's usual eps of 1e-5 the reward of the last block of a stage
# is rounding noise, see docs/en/method.md.
norm_cfg = dict(type='BN', eps=0.01)

mutable_cfg = dict(
    type='mmdsnas.OneHotMutableOP',
    candidates=dict(
        shuffle_3x3=dict(type='mmrazor.ShuffleBlock', kernel_size=3, norm_cfg=norm_cfg),
        shuffle_5x5=dict(type='mmrazor.ShuffleBlock', kernel_size=5, norm_cfg=norm_cfg),
        shuffle_7x7=dict(type='mmrazor.ShuffleBlock', kernel_size=7, norm_cfg=norm_cfg),
        shuffle_xception=dict(type='mmrazor.ShuffleXception', norm_cfg=norm_cfg),
    ),
)
