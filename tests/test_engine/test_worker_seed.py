import random

import numpy as np
import torch
from mmengine.registry import FUNCTIONS
from torch.utils.data import DataLoader, Dataset


class Noise(Dataset):
    """What an augmentation would draw from each of the three generators."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return np.random.rand(), random.random(), torch.rand(()).item()


def epochs(num, seed=0):
    torch.manual_seed(seed)
    loader = DataLoader(
        Noise(),
        batch_size=None,
        num_workers=2,
        worker_init_fn=FUNCTIONS.get('mmdsnas.seed_worker'),
    )
    return [tuple(map(tuple, loader)) for _ in range(num)]


def test_epochs_and_workers_differ_and_seeds_repeat():
    first = epochs(2)
    assert first == epochs(2)
    drawn = [number for epoch in first for sample in epoch for number in sample]
    assert len(set(drawn)) == len(drawn) == 24


def test_ranks_differ(monkeypatch):
    monkeypatch.setenv('RANK', '0')
    rank0 = epochs(1)
    monkeypatch.setenv('RANK', '1')
    assert not set(sum(rank0[0], ())) & set(sum(epochs(1)[0], ()))
