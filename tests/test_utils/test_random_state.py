import random

import numpy as np
import torch

from mmdsnas.utils.random_state import random_states_kept


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_what_is_drawn_aside_leaves_no_trace():
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    undisturbed = [draws(), draws()]
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    first = draws()
    with random_states_kept(2**40):
        aside = [draws(), draws()]
    assert [first, draws()] == undisturbed
    with random_states_kept(2**40):
        again = [draws(), draws()]
    assert again == aside
    numbers = [number for row in undisturbed + aside for number in row]
    assert len(set(numbers)) == len(numbers)


def test_an_error_leaves_no_trace_either():
    torch.manual_seed(1)
    wanted = torch.rand(2)
    torch.manual_seed(1)
    try:
        with random_states_kept(0):
            raise KeyError
    except KeyError:
        assert torch.equal(torch.rand(2), wanted)
