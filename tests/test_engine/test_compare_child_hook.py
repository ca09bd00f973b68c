"""An obvious network is the child unless another path is surely better."""

import itertools
from functools import partial

import pytest
import torch

from mmdsnas.engine import CompareChildHook
from mmdsnas.engine.contenders import first_unbeaten, planned_errors, post_hoc_errors
from mmdsnas.errors import ConfigError
from mmdsnas.models.mutators import PathSample
from tests.toy import algorithm_of, costly_net, set_alpha
from tests.toy_run import Keep, runner_of, search_of

ADDITIVE = dict(type='AdditiveGradient', memory=1000)


@pytest.mark.parametrize(
    'margin, first', [(0.2, 'a'), (0.05, 'b')], ids=['unsure', 'sure']
)
def test_the_first_that_none_is_surely_better_than(margin, first):
    losses = dict(a=1.0, b=0.9, c=1.5)

    def beats(one, other):
        return losses[other] - losses[one] > margin

    assert first_unbeaten('abc', beats) == first
    assert first_unbeaten('cab', beats) == first
    assert first_unbeaten('c', beats) == 'c'


@pytest.mark.parametrize(
    'confidence, effects, squared',
    [(0.95, 0, 3.841), (0.95, 1, 3.841), (0.95, 8, 15.507), (0.99, 24, 42.980)],
)
def test_bound_of_all_differences_that_there_are(confidence, effects, squared):
    """Quantiles of chi-squared, as tables have them."""
    found = post_hoc_errors(confidence, effects)
    assert found**2 == pytest.approx(squared, abs=6e-4)


@pytest.mark.parametrize(
    'confidence, paths, quantile',
    [(0.95, 1, 1.645), (0.95, 2, 1.960), (0.95, 3, 2.394), (0.99, 5, 3.291)],
)
def test_bound_of_differences_among_a_few(confidence, paths, quantile):
    """Quantiles of the normal distribution, as tables have them."""
    assert planned_errors(confidence, paths) == pytest.approx(quantile, abs=6e-4)


def learn(algorithm, losses, times):
    """Lets the estimator see the losses of all paths, each with some noise."""
    mutator, estimator = algorithm.mutator, algorithm.gradient_estimator
    names = list(mutator.search_groups)
    estimator.moments.zero_()
    for path in itertools.product(range(2), repeat=len(names)):
        sample = PathSample(
            mutator, {n: mutator.choices(n)[k] for n, k in zip(names, path)}
        )
        for noise in (-0.3, 0.3) * times:
            loss = sum(losses[g][k] for g, k in enumerate(path)) + noise
            estimator(sample, partial(dict, loss=torch.tensor(loss).double()))


COSTLIEST = CompareChildHook(prefer='costliest')


def child(folder, model, losses, times, hook=None):
    """The path that is fixed in the finetune stage."""

    def prepare(runner):
        if runner.epoch == 2:
            learn(model, losses, times)
            # A limit may lead alpha elsewhere: by the hook, the fit counts.
            sign = 1 if hook is None else -1
            set_alpha(model.mutator, *[[sign * x for x in own] for own in losses])

    hooks = [Keep('before_train_epoch', prepare, 0), hook or CompareChildHook()]
    runner_of(folder, hooks, model).train()
    return ' '.join(model.mutator.fixed.values())


LOSSES = [(1.0, 0.8), (0.5, 0.6)]


@pytest.mark.parametrize('times, found', [(1, 'tanh tanh'), (100, 'sine tanh')])
def test_many_losses_make_a_path_surely_better(tmp_path, messages, times, found):
    model = search_of(gradient_estimator=ADDITIVE)
    assert child(tmp_path, model, LOSSES, times) == found
    (told,) = [m for m in messages if m.startswith('The child is ')]
    assert ('the most probable path' in told.splitlines()[0]) == (times == 100)
    assert 'sine, ' in told and 'its loss minus that of' in told


def costly(**kwargs):
    model = algorithm_of(
        costly_net(),
        pretrain_epochs=1,
        finetune_epochs=2,
        gradient_estimator=ADDITIVE,
        **kwargs,
    )
    return model.float()


@pytest.mark.parametrize(
    'part, found', [(None, 'dear dear dear'), (0.9, 'cheap dear cheap')]
)
def test_of_what_is_within_the_limits_the_costliest_comes_first(tmp_path, part, found):
    """Within the second limit what is cheap everywhere leaves most of it unused."""
    model, kwargs = costly(), {}
    if part is not None:
        table = model.cost_table
        dear = table.cost(dict.fromkeys(model.mutator.search_groups, 'dear'))['flops']
        kwargs = dict(cost=dict(limit=part * dear))
        model = costly(**kwargs)
    losses = [(1.0, 1.1), (1.1, 1.0), (1.0, 1.1)]
    assert child(tmp_path, model, losses, 1, COSTLIEST) == found
    # As without being asked, within a limit; the cheapest without one.
    default = child(tmp_path, costly(**kwargs), losses, 1)
    assert default == (found if kwargs else 'cheap cheap cheap')


@pytest.mark.parametrize('times, found', [(1, 'cheap'), (100, 'dear')])
def test_the_cheapest_of_those_that_cannot_be_told_apart(tmp_path, times, found):
    losses = [(1.1, 1.0)] * 3
    hook = CompareChildHook(prefer='cheapest')
    assert child(tmp_path, costly(), losses, times, hook) == ' '.join([found] * 3)


@pytest.mark.parametrize(
    'better, found', [([1, 1, 1], 'dear dear dear'), ([0, 1, 0], 'cheap cheap cheap')]
)
def test_what_was_found_has_to_be_better_by_more(monkeypatch, better, found):
    """2.4 errors: above 1.96, of two obvious networks; below 2.80, of three effects."""
    model = costly()
    effects = torch.tensor([[float(k != best) for k in range(2)] for best in better])
    monkeypatch.setattr(model.gradient_estimator, 'effects', lambda: effects)

    def difference(one, other):
        return 2.4 * ((other == better) - (one == better)), 1.0

    monkeypatch.setattr(model.gradient_estimator, 'difference', difference)
    child, _ = CompareChildHook(prefer='cheapest').choose(model)
    assert ' '.join(child.values()) == found


def test_what_is_fixed_stays(tmp_path):
    model = search_of(gradient_estimator=ADDITIVE)
    model.mutator.fix(dict(module_0='sine'))
    assert child(tmp_path, model, LOSSES, 1) == 'sine sine'


def test_without_the_hook_the_most_probable_path_is_the_child(tmp_path):
    model = search_of(gradient_estimator=ADDITIVE)
    hook = Keep('before_train', lambda runner: None, 0)
    assert child(tmp_path, model, LOSSES, 1, hook=hook) == 'sine tanh'


def test_a_run_that_ends_before_chooses_nothing(tmp_path):
    model = search_of(gradient_estimator=ADDITIVE)
    runner_of(tmp_path, [CompareChildHook()], model, max_epochs=2).train()
    assert not model.mutator.fixed


def test_what_does_not_fit_is_refused_at_the_start(tmp_path):
    hint = 'default_hooks.compare_child=None is a search without it'
    with pytest.raises(ConfigError, match=f'must be an AdditiveGradient.*{hint}'):
        runner_of(tmp_path, [CompareChildHook()], search_of()).train()
    model = search_of(gradient_estimator=ADDITIVE)
    model.pretrain_epochs = 2
    with pytest.raises(ConfigError, match=f'must be above .* but is 2; {hint}'):
        runner_of(tmp_path, [CompareChildHook()], model).train()
    select = dict(type='SelectChildHook', strategy=dict(type='RandomSelection'))
    model = search_of(gradient_estimator=ADDITIVE)
    with pytest.raises(
        ConfigError, match=f'but there is a SelectChildHook, too; {hint}'
    ):
        runner_of(tmp_path, [CompareChildHook(), select], model).train()
