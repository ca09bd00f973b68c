"""Spaces of the tests: groups of candidates a, b, c, ... that cost 0, 1, 2, ..."""

import itertools

import numpy as np

from mmdsnas.engine.selection import PathSpace


def cost(path):
    return sum(map('abcdefgh'.index, path.values()))


def space_of(*sizes, limit=None, seed=0, counter=None):
    """Groups of so many candidates; a limit of the cost; calls of allows go up."""

    def allows(path):
        if counter is not None:
            counter.append(path)
        return limit is None or cost(path) <= limit

    choices = {f'g{i}': 'abcdefgh'[:n] for i, n in enumerate(sizes)}
    start = dict.fromkeys(choices, 'a')
    return PathSpace(choices, allows, lambda: start, np.random.default_rng(seed))


def all_paths(space):
    paths = itertools.product(*space.choices.values())
    return [dict(zip(space.choices, path)) for path in paths]


def word(path):
    return ''.join(path.values())
