import os
import random

import numpy as np
import torch

from mmdsnas.registry import FUNCTIONS


@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seeds a data worker anew in every epoch, differently on every rank.

    mmengine's function gives a worker the same seed whenever it is started, so
    that without persistent workers every epoch would be augmented alike.

    Args:
        worker_id (int): Number of the worker; it is in torch's seed of the
            worker already, which is another one in every epoch.
    """
    key = [torch.initial_seed() % 2**63, int(os.environ.get('RANK', 0))]
    words = np.random.SeedSequence(key).generate_state(3)
    np.random.seed(words[0])
    random.seed(int(words[1]))
    torch.manual_seed(int(words[2]))
