import pytest
import torch
from mmengine.model import MMDistributedDataParallel


@pytest.fixture
def wrap():
    """Puts a model in mmengine's distributed wrapper, in a group of one process."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    yield lambda model: MMDistributedDataParallel(
        model, find_unused_parameters=True, broadcast_buffers=False
    )
    torch.distributed.destroy_process_group()
