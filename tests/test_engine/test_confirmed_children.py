"""Whatever chooses the child, its network is within the limits as a whole."""

import pytest

from mmdsnas.engine import ChooseChildHook, CompareChildHook, SelectChildHook
from mmdsnas.engine.hooks.stage.hand_made_child_hook import HandMadeChildHook
from mmdsnas.engine.selection import EvolutionSelection, RandomSelection
from mmdsnas.engine.whole_network import allows_whole
from mmdsnas.errors import ConfigError
from mmdsnas.models import ResourceEstimator
from tests import small_choice
from tests.small_choice import SIZE, SIZES
from tests.toy import algorithm_of, costly_net
from tests.toy_run import runner_of

ADDITIVE = dict(type='AdditiveGradient', memory=1000)
METRIC = 'toy/score'
HOOKS = {
    'alpha': lambda: [],
    'compare': lambda: [CompareChildHook(prefer='costliest')],
    'random': lambda: [SelectChildHook(RandomSelection(5), metric=METRIC)],
    'one': lambda: [SelectChildHook(RandomSelection(1), metric=METRIC)],
    'evolution': lambda: [
        SelectChildHook(
            EvolutionSelection(population=4, generations=2, top=2), metric=METRIC
        )
    ],
}


def measured(costs):
    """Networks of two dear blocks or more take half as much again as they count."""
    return costs * (1.5 if costs > costly().cost_table.cost(path_of(1))['flops'] else 1)


def path_of(dear):
    kinds = ['dear'] * dear + ['cheap'] * (3 - dear)
    return dict(zip(('module_0', 'module_1', 'module_2'), kinds))


def costly(**kwargs):
    kwargs = dict(gradient_estimator=ADDITIVE) | kwargs
    model = algorithm_of(
        costly_net(), **dict(pretrain_epochs=1, finetune_epochs=2) | kwargs
    )
    return model.float()


@pytest.fixture
def asked(monkeypatch):
    """Paths whose networks were measured."""
    paths = []

    def whole(self, model, path, names):
        paths.append(path)
        return {'flops': measured(self.network_costs(model, path)['']['flops'])}

    monkeypatch.setattr(ResourceEstimator, 'whole', whole)
    monkeypatch.setattr(ResourceEstimator, 'measured_whole', lambda self, n: list(n))
    monkeypatch.setattr(ResourceEstimator, 'known_whole', lambda *args: {})
    return paths


# Room for all three by their counts, and for two as they are measured.
LIMIT = 1.01 * costly().cost_table.cost(path_of(3))['flops']


@pytest.mark.parametrize('kind', HOOKS)
def test_the_child_is_within_the_limit(kind, tmp_path, asked):
    model = costly(cost=dict(limit=LIMIT))
    runner = runner_of(tmp_path, HOOKS[kind](), model)
    runner.train()
    table, fixed = model.cost_table, model.mutator.fixed
    assert len(fixed) == 3 and measured(table.cost(fixed)['flops']) <= LIMIT
    # What was measured last is what was fixed.
    assert asked[-1] == table.choices(fixed)


def test_what_is_made_by_hand_is_measured(tmp_path, asked):
    model = costly(cost=dict(limit=LIMIT), pretrain_epochs=0, finetune_epochs=0)
    with pytest.raises(ConfigError, match='which is not within'):
        runner_of(tmp_path, [HandMadeChildHook('dear')], model).train()
    model = costly(cost=dict(limit=LIMIT), pretrain_epochs=0, finetune_epochs=0)
    runner_of(tmp_path, [HandMadeChildHook('cheap')], model).train()
    assert set(model.mutator.fixed.values()) == {'cheap'} and len(asked) == 2


def test_early_fixing_is_refused(tmp_path, asked):
    model = costly(cost=dict(limit=LIMIT), mutator=dict(fix_threshold=0.3))
    with pytest.raises(ConfigError, match='fix_threshold must be None for a limit on'):
        runner_of(tmp_path, [], model).train()
    assert not asked


def test_a_run_that_ends_before_its_child_is_measured_is_refused(tmp_path, asked):
    model = costly(cost=dict(limit=LIMIT), finetune_epochs=9)
    with pytest.raises(ConfigError, match='finetune_epochs must be below .* when the'):
        runner_of(tmp_path, [], model).train()
    assert not asked


@pytest.mark.parametrize('seed', range(8))
def test_a_random_network_is_drawn_anew(seed, asked):
    model = costly(cost=dict(limit=LIMIT), pretrain_epochs=0, finetune_epochs=0)
    path = HandMadeChildHook('random').choose(model, seed)
    assert measured(model.cost_table.cost(path)['flops']) <= LIMIT
    draws = [model.cost_table.choices(path)]
    assert asked[-1:] == draws and len({(*p.values(),) for p in asked}) == len(asked)


def test_to_look_makes_no_limit_tighter(asked):
    model = costly(cost=dict(limit=LIMIT))
    assert not model.is_within(path_of(3)) and model.is_within(path_of(1))
    assert model.cost_term.sums == model.cost_term.limits
    assert not model.confirms(path_of(3))
    assert model.cost_term.sums['flops'] < model.cost_term.limits['flops']
    model.restore_limits()
    assert model.cost_term.sums == model.cost_term.limits
    assert model.cost_term.allows(path_of(3))


class Counted(RandomSelection):
    """Notes how often it selects."""

    def select(self, space, score):
        self.number = getattr(self, 'number', 0) + 1
        return super().select(space, score)


def test_after_a_rejection_the_best_that_is_scored_is_taken(tmp_path, asked):
    strategy = Counted(40)
    model = costly(cost=dict(limit=LIMIT))
    hook = SelectChildHook(strategy, metric=METRIC)
    runner = runner_of(tmp_path, [hook], model)
    runner.train()
    assert strategy.number == 1 and len(asked) > 1
    assert measured(model.cost_table.cost(model.mutator.fixed)['flops']) <= LIMIT


@pytest.fixture
def large_is_slow(monkeypatch):
    """Whole networks take three times as long at 16 pixels as sums say."""

    def whole(self, model, path, names):
        factor = 3 if self.input_shape[-1] == SIZE else 1
        return {'flops': factor * self.network_costs(model, path)['']['flops']}

    monkeypatch.setattr(ResourceEstimator, 'whole', whole)


def test_a_size_that_leaves_no_path_is_left_out(large_is_slow):
    model = small_choice.algorithm_of(input_sizes=SIZES)
    least = model.cost_term.table.cost_range()[0]
    model = small_choice.algorithm_of(input_sizes=SIZES, cost=dict(limit=1.1 * least))
    assert model.child_edge == SIZE
    child = model.confirmed_child()
    assert model.input_sizes == [*SIZES[1:]] and model.child_edge == SIZES[1]
    assert model.cost_term.allows(child)
    model.restore_limits()
    assert model.input_sizes == [*SIZES] and model.child_edge == SIZES[1]
    model.set_input_size(SIZE)
    assert model.cost_term.leaves_a_path()


def test_a_random_network_of_a_size_that_is_left_out(large_is_slow):
    least = small_choice.algorithm_of().cost_range[0]

    def model():
        cost = dict(limit=1.1 * least)
        return small_choice.algorithm_of(input_sizes=SIZES, cost=cost)

    assert HandMadeChildHook('random').choose(found := model(), 0)
    assert found.child_edge == SIZES[1]
    with pytest.raises(ConfigError, match='is not within .*, with input_size=16'):
        HandMadeChildHook('random', SIZE).choose(model(), 0)
    with pytest.raises(ConfigError, match='is not within .*, with input_size=16'):
        HandMadeChildHook('skip', SIZE).choose(model(), 0)
    assert HandMadeChildHook('skip').choose(found := model(), 0)
    assert found.child_edge == SIZES[1]


@pytest.mark.parametrize('finetune_epochs', [1, 2])
def test_a_search_stage_after_a_choice_has_the_limits_that_a_resumed_one_has(
    finetune_epochs, large_is_slow
):
    least = small_choice.algorithm_of().cost_range[0]
    model = small_choice.algorithm_of(
        input_sizes=SIZES, cost=dict(limit=1.1 * least), finetune_epochs=finetune_epochs
    )
    ChooseChildHook()._settle(model, model.confirmed_child())
    searches = finetune_epochs == 2
    assert bool(model.mutator.free) == searches and model.child_edge == SIZES[1]
    assert (model.input_sizes == [*SIZES]) == searches


def test_one_network_that_is_far_off_leaves_others(asked, monkeypatch):
    """Its ratio would leave no path: then it alone is left out, with dearer ones."""

    def whole(self, model, path, names):
        counted = self.network_costs(model, path)['']['flops']
        asked.append(path)
        return {'flops': counted * (30 if len(asked) == 1 else 1)}

    monkeypatch.setattr(ResourceEstimator, 'whole', whole)
    model = costly(cost=dict(limit=LIMIT))
    assert not model.confirms(path_of(3))
    assert not model.cost_term.allows(path_of(3)) and model.confirms(path_of(2))
    assert model.cost_term.allows(path_of(2))


def test_to_look_at_the_network_itself_leaves_its_size(large_is_slow):
    """A resumed run has the size of its checkpoint, and must choose the same."""
    cost = dict(limit='100%')
    model = small_choice.algorithm_of(
        input_sizes=SIZES, cost=cost, distillation=dict(tau=2.0)
    )
    assert not allows_whole(model, model.is_within)
    assert model.child_edge == SIZE and model.cost_term.sums == model.cost_term.limits
    assert not allows_whole(model, model.confirms)
    assert model.cost_term.sums != model.cost_term.limits


def test_a_random_network_is_that_of_the_resumed_run(tmp_path, asked):
    def trained(**resumed):
        options = dict(pretrain_epochs=0, finetune_epochs=0)
        model = costly(cost=dict(limit=LIMIT), **options)
        runner_of(tmp_path, [HandMadeChildHook('random')], model, **resumed).train()
        return model.mutator.fixed

    fixed, number = trained(), len(asked)
    checkpoint = str(tmp_path / 'work' / 'epoch_1.pth')
    # Nothing is drawn or measured again.
    assert trained(load_from=checkpoint, resume=True) == fixed and len(asked) == number
