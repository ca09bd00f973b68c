"""A child of the supernet of the same name, built alone."""

_base_ = './shufflenetv2_official_supernet.py'

# A subnet file, e.g. WORK_DIR/subnet.yaml, or one that a checkpoint records.
model = dict(_delete_=True, type='sub_model', cfg={{_base_.supernet}}, fix_subnet=None)
