import random
from contextlib import contextmanager
from typing import Iterator, Sequence

import numpy as np
import torch


@contextmanager
def random_states_kept(seed: int) -> Iterator[None]:
    """Lets something draw random numbers without a trace.

    Inside, the generators of Python, NumPy and torch (CPU and CUDA) go by ``seed``;
    afterwards they have the states of before.
    """
    python, numpy = random.getstate(), np.random.get_state()
    # Others than the CPU have no state before CUDA is initialized.
    devices = range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)
    with torch.random.fork_rng(devices):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def seed_all(key: Sequence[int]) -> None:
    """Seeds Python, NumPy and torch (CPU and CUDA) by some numbers of at least 0."""
    words = np.random.SeedSequence(key).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    torch.manual_seed(int(words[2]))
