import math

import pytest

from mmdsnas.engine.contenders import (
    Contender,
    finalists,
    obvious_paths,
    steps_of_first_round,
    successive_halving,
)


def contender(name, size=64, distance=0.0, mflops=1.0):
    return Contender(name, size, {}, mflops, distance, [])


ALL = ['full', 'e4', 'skip']


@pytest.mark.parametrize(
    'choices, paths',
    [
        # What all have, everywhere.
        (
            dict(a=ALL, b=ALL),
            {'full': 'full full', 'e4': 'e4 e4', 'skip': 'skip skip'},
        ),
        # What some have, with each that all have in the rest.
        (
            dict(a=['full', 'e4'], b=ALL),
            {
                'full': 'full full',
                'e4': 'e4 e4',
                'skip+full': 'full skip',
                'skip+e4': 'e4 skip',
            },
        ),
        # The same path by two names is there once, by the first.
        (
            dict(a=['full'], b=['full', 'skip']),
            {'full': 'full full', 'skip+full': 'full skip'},
        ),
        # Nothing in common: the first where a block lacks it.
        (dict(a=['x', 'y'], b=['z']), {'x': 'x z', 'y': 'y z'}),
        (
            dict(a=['skip'], b=ALL),
            {'skip': 'skip skip', 'full+skip': 'skip full', 'e4+skip': 'skip e4'},
        ),
        (dict(a=['only']), {'only': 'only'}),
    ],
)
def test_what_one_would_make_by_hand(choices, paths):
    found = obvious_paths(choices)
    assert {name: ' '.join(path.values()) for name, path in found.items()} == paths
    assert all(list(path) == list(choices) for path in found.values())


def test_each_kind_and_size_is_among_the_finalists():
    tried = [
        contender('probable', 64, 0.1),
        contender('probable', 64, 0.2),
        contender('probable', 48, 0.5),
        contender('e4', 64, 0.9),
        contender('full', 48, 0.3),
        contender('full', 64, 0.8),
        contender('skip', 48, 0.4),
        contender('probable', 32, 0.25),
    ]
    chosen = finalists(tried, 7)
    distances = [c.distance for c in chosen]
    # Of two kinds the nearest, then of their sizes; then the nearest of the others.
    assert distances == [0.1, 0.3, 0.25, 0.5, 0.8, 0.2, 0.4]
    assert finalists(tried, 2) == chosen[:2]
    assert len(finalists(tried, 99)) == len(tried)


def test_what_is_small_is_no_finalist():
    """Unless nothing is much larger."""
    tried = [contender('full', 32, 0.1, 3.0), contender('probable', 64, 0.2, 3.7)]
    assert finalists(tried, 9) == tried
    tried.append(contender('probable', 64, 0.3, 4.2))
    assert [c.mflops for c in finalists(tried, 9)] == [3.7, 4.2]


@pytest.mark.parametrize(
    'final, winner, rounds',
    [
        # Of five three go on, then two, then one.
        ([[5], [1, 2, 3], [2, 1, 4], [3, 3], [4]], 1, 3),
        ([[1, 2], [2, 1], [3]], 1, 2),
        ([[2], [1]], 1, 1),
        ([[]], 0, 0),
        # Of equal ones the likelier.
        ([[1], [1]], 0, 1),
    ],
)
def test_half_of_them_goes_on(final, winner, rounds):
    tried, asked = [contender(str(k)) for k in range(len(final))], []

    def train(one, round_):
        asked.append(round_)
        return float(final[int(one.name)][round_])

    assert successive_halving(tried, train) is tried[winner]
    assert [c.losses for c in tried] == final
    assert asked == sorted(asked) and len(set(asked)) == rounds


@pytest.mark.parametrize('budget', [1000, 50, 0.5])
@pytest.mark.parametrize('number', [1, 2, 3, 4, 5, 6, 9])
def test_all_rounds_have_the_steps_that_they_may(number, budget):
    first, trained = steps_of_first_round(number, budget), []

    def train(one, round_):
        trained.append(first * 2**round_)
        return 0.0

    successive_halving([contender(str(k)) for k in range(number)], train)
    # One step at least, however few they are.
    assert sum(trained) <= budget or first == 1
    assert sum(trained) > 900 or budget < 1000 or number == 1


@pytest.mark.parametrize('failed', range(4))
def test_a_loss_that_is_no_number_wins_nothing(failed):
    tried = [contender(str(k)) for k in range(4)]
    losses = {str(k): 4.0 - k for k in range(4)} | {str(failed): math.nan}
    winner = successive_halving(tried, lambda c, _: losses[c.name])
    assert winner.name == str(max(set(range(4)) - {failed}))
