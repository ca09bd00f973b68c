"""The strategies, with scores that are a function of the path."""

import pytest

from mmdsnas.engine import EvolutionSelection, RandomSelection
from mmdsnas.engine.selection import PathScores
from .spaces import all_paths, cost, space_of, word

TARGET = 'cadbcdba'


class Scores:
    """Agreement with a word; neighbours that agree count again, so that it is no
    sum over the groups. Of its calls it keeps those that were measured."""

    def __init__(self, most=10**6):
        self.measured = []
        self.log = []
        self.scores = PathScores(self.measure, most, self.log.append)

    @staticmethod
    def value(path):
        hits = [a == b for a, b in zip(word(path), TARGET)]
        return sum(hits) + 0.5 * sum(a and b for a, b in zip(hits, hits[1:]))

    def measure(self, path):
        self.measured.append(word(path))
        return self.value(path)

    def __call__(self, path):
        return self.scores(path)


def test_an_arbitrary_path_is_not_measured():
    paths = {
        word(RandomSelection().select(space_of(4, 4, seed=s), None)) for s in range(99)
    }
    assert len(paths) == 16
    assert RandomSelection().max_scores == 0


@pytest.mark.parametrize('seed', range(3))
def test_the_best_of_those_drawn(seed):
    other = space_of(*[4] * 8, limit=11, seed=seed)
    drawn = [other.draw() for _ in range(30)]
    score = Scores()
    best = RandomSelection(30).select(space_of(*[4] * 8, limit=11, seed=seed), score)
    assert best in drawn and cost(best) <= 11
    assert Scores.value(best) == max(map(Scores.value, drawn))
    assert score.measured == list(dict.fromkeys(map(word, drawn)))
    assert RandomSelection(30).max_scores == 30


@pytest.fixture(scope='module', params=[None, 10])
def limit_and_best(request):
    """A limit of the cost, and by brute force the best score within it."""
    paths = all_paths(space_of(*[4] * 8))
    within = [p for p in paths if request.param is None or cost(p) <= request.param]
    return request.param, max(map(Scores.value, within))


@pytest.mark.parametrize('seed', range(3))
def test_evolution_finds_the_best_within_the_limits(seed, limit_and_best):
    """Of 65536 paths it measures 1000, as in the paper."""
    limit, best = limit_and_best
    score = Scores()
    found = EvolutionSelection().select(
        space_of(*[4] * 8, limit=limit, seed=seed), score
    )
    # The limit cuts the space into parts: it may end in the best but one.
    assert Scores.value(found) >= best - (0 if limit is None else 0.5)
    assert Scores.value(found) == max(score.scores.known.values())
    assert len(score.measured) == EvolutionSelection().max_scores == 1000
    assert len(set(score.measured)) == 1000
    costliest = max(cost(dict(enumerate(word))) for word in score.measured)
    assert limit is None or costliest <= limit


def generations(size=200, **kwargs):
    """Words of two generations in a space of many groups."""
    options = dict(population=6, generations=2, num_mutation=0, num_crossover=0)
    score = Scores()
    options.update(kwargs)
    EvolutionSelection(**options).select(space_of(*[4] * size), score)
    return score.measured[:6], score.measured[6:]


def best_of(words, num):
    return sorted(words, key=lambda w: Scores.value(dict(enumerate(w))))[-num:]


def test_crossover_takes_from_the_best():
    first, bred = generations(num_crossover=9, top=2)
    parents = best_of(first, 2)
    values = sorted(Scores.value(dict(enumerate(w))) for w in first)
    assert values[-3] < values[-2]  # there is no doubt who they are
    assert len(bred) == 9
    for child in bred:
        assert all(c in pair for c, pair in zip(child, zip(*parents)))


def test_mutation_changes_some_of_the_best():
    first, bred = generations(num_mutation=9, top=1, mutate_prob=0.2)
    (parent,) = best_of(first, 1)
    assert len(bred) == 9
    for child in bred:
        assert sum(a != b for a, b in zip(child, parent)) == pytest.approx(30, abs=20)


def test_what_breeding_leaves_empty_is_filled_with_random_paths():
    first, bred = generations(num_mutation=9, top=1, mutate_prob=0.0)
    (parent,) = best_of(first, 1)
    assert len(set(bred)) == 9
    for child in bred:
        assert sum(a != b for a, b in zip(child, parent)) > 100


def test_parents_are_the_best_of_all_generations():
    first, later = generations(num_mutation=1, generations=40, top=1, mutate_prob=0.005)
    measured = list(first)
    for child in later:
        (parent,) = best_of(measured[::-1], 1)
        assert sum(a != b for a, b in zip(child, parent)) < 10
        measured.append(child)


@pytest.mark.parametrize('sizes, limit', [((2, 2), None), ((4,) * 10, 1)])
def test_a_space_of_few_paths_is_measured_whole(sizes, limit):
    tried = []
    space, score = space_of(*sizes, limit=limit, counter=tried), Scores()
    EvolutionSelection(generations=5).select(space, score)
    # Two generations' worth of tries: the second one finds nothing and is the last.
    assert limit or len(tried) < 1500
    assert len(score.measured) == len(set(score.measured)) == (11 if limit else 4)


def test_the_same_seed_selects_the_same():
    def selected(seed):
        score = Scores()
        strategy = EvolutionSelection(population=9, generations=3)
        strategy.select(space_of(*[4] * 8, seed=seed), score)
        return score.measured

    assert selected(4) == selected(4) != selected(5)


def test_lines_of_progress_and_nan():
    values = iter([1.0, float('nan'), 3.0, 2.0])
    log = []
    scores = PathScores(lambda path: next(values), 100, log.append)
    known = [scores(dict(g=name)) for name in 'abcdba']
    assert known == [1, float('-inf'), 3, 2, float('-inf'), 1]
    # Fifty lines in all: one for two paths.
    assert [line.split(';')[0] for line in log] == [
        'Measured 2 of at most 100 paths, the best has 1.0000',
        'Measured 4 of at most 100 paths, the best has 3.0000',
    ]
    assert all(line.endswith(' left.') for line in log)
