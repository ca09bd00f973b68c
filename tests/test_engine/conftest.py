import logging

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer


@pytest.fixture(autouse=True)
def no_trace_of_a_runner():
    """A runner's scope, logger, ... are the current ones for whatever follows."""
    managers = (DefaultScope, MessageHub, MMLogger, Visualizer)
    kept = [manager._instance_dict.copy() for manager in managers]
    yield
    for manager, instances in zip(managers, kept):
        manager._instance_dict.clear()
        manager._instance_dict.update(instances)


@pytest.fixture
def messages(monkeypatch):
    """What is logged, by whatever logger: mmengine's do not pass records on."""
    seen, handle = [], logging.Logger.handle

    def note(logger, record):
        seen.append(record.getMessage())
        handle(logger, record)

    monkeypatch.setattr(logging.Logger, 'handle', note)
    return seen


@pytest.fixture
def wrap():
    """Puts a model in mmengine's distributed wrapper, in a group of one process."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    yield lambda model: MMDistributedDataParallel(
        model, find_unused_parameters=True, broadcast_buffers=False
    )
    torch.distributed.destroy_process_group()
