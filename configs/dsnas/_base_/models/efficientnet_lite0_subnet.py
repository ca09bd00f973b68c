"""A child of the elastic EfficientNet-Lite0, built alone."""

_base_ = './efficientnet_lite0_elastic.py'

# A subnet file, e.g. WORK_DIR/subnet.yaml; tools/test.py takes the one that
# subnet.pth records if none is given.
model = dict(
    _delete_=True,
    type='sub_model',
    cfg={{_base_.supernet}},
    fix_subnet=None,
    channels_last=True,
)
