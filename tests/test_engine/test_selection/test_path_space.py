from collections import Counter

import pytest
from scipy.stats import chisquare

from mmdsnas.engine.selection import DRAWS, STEPS
from .spaces import all_paths, cost, space_of, word


@pytest.mark.parametrize(
    'sizes, limit, num',
    [
        ((2, 3, 1), None, 1200),
        ((3, 4, 2), 3, 1200),
        # 11 of 4 ** 10: by a walk alone.
        ((4,) * 10, 1, 1100),
    ],
)
def test_what_is_within_the_limits_is_drawn_equally_often(sizes, limit, num):
    space = space_of(*sizes, limit=limit)
    drawn = Counter(word(space.draw()) for _ in range(num))
    if limit == 1:
        within = {'a' * i + 'b' + 'a' * (9 - i) for i in range(10)} | {'a' * 10}
    else:
        within = {word(p) for p in all_paths(space) if limit is None or cost(p) <= 3}
    assert set(drawn) == within
    assert chisquare(list(drawn.values())).pvalue > 1e-3


def test_tight_limits_cost_a_bounded_number_of_tries():
    tried = []
    space = space_of(*[4] * 10, limit=0, counter=tried)
    assert word(space.draw()) == 'a' * 10
    assert len(tried) <= DRAWS + 1 + STEPS * 10


def test_a_walk_leaves_fixed_groups_alone():
    space = space_of(1, *[4] * 9, limit=1)
    assert {space.draw()['g0'] for _ in range(20)} == {'a'}


def test_mutation_and_crossover():
    space = space_of(*[4] * 2000)
    first, second = space.draw(), space.draw()
    assert space.mutate(first, 0.0) == first
    for prob in (0.1, 1.0):
        other = space.mutate(first, prob)
        changed = sum(other[n] != c for n, c in first.items())
        # What is drawn anew is the same one time in four.
        assert changed == pytest.approx(2000 * prob * 0.75, abs=70)
    child = space.cross(first, second)
    assert all(c in (first[n], second[n]) for n, c in child.items())
    differ = [n for n in first if first[n] != second[n]]
    of_first = sum(child[n] == first[n] for n in differ)
    assert of_first == pytest.approx(len(differ) / 2, abs=80)
