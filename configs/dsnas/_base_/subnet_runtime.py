"""What training or testing a child alone needs."""

_base_ = './default_runtime.py'

model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
