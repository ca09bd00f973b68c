"""Whatever chooses the child, its network is within the limits as a whole."""

import pytest

from mmdsnas.engine import CompareChildHook, SelectChildHook
from mmdsnas.engine.hooks.stage.hand_made_child_hook import HandMadeChildHook
from mmdsnas.engine.selection import EvolutionSelection, RandomSelection
from mmdsnas.errors import ConfigError
from mmdsnas.models import ResourceEstimator
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
