import random
from contextlib import contextmanager
from typing import Iterator, Sequence

import numpy as np
import torch


@contextmanager
def random_states_kept(seed: int) -> Iterator[None]:
    """Lets something draw random numbers without a trace.

    While open, the generators of Python, NumPy and torch (CPU and CUDA) go by
    a seed; afterwards they are exactly where they were.

    Args:
        seed (int): The seed, at least 0.
    """
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if cuda:
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


def seed_all(key: Sequence[int]) -> None:
    """Seeds the generators of Python, NumPy and torch (CPU and CUDA).

    Args:
        key (Sequence[int]): Numbers, at least 0; each set of them gives other
            states.
    """
    words = np.random.SeedSequence(key).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    torch.manual_seed(int(words[2]))
