import os

import torch

from mmdsnas.registry import FUNCTIONS
from mmdsnas.utils.random_state import seed_all


@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seeds a data worker anew in every epoch, differently on every rank.

    mmengine's function gives a worker the same seed whenever it is started; torch's
    seed of the worker is another one in every epoch.
    """
    seed_all([torch.initial_seed() % 2**63, int(os.environ.get('RANK', 0))])
