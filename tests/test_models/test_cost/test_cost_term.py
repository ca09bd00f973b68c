import math

import numpy as np
import pytest
import torch

from mmdsnas.errors import ConfigError
from mmdsnas.models import CostTable, CostTerm
from mmdsnas.models.cost import expected_cost, sampled_cost

COSTS = dict(a=[1.0, 4.0], b=[2.0, 0.5, 8.0], c=[3.0])
ALPHA = ([0.3, -0.2], [0.1, 0.5, -0.9], [1.0])
BASE = 20.0


def make_table():
    """Groups of two, three and one candidates; 4.5 to 15 MFLOPs and 20."""
    return CostTable(
        blocks={
            name: {f'c{k}': dict(flops=flops) for k, flops in enumerate(row)}
            for name, row in COSTS.items()
        },
        groups={name: [name] for name in COSTS},
        fixed_part=dict(flops=BASE),
    )


def probs(alphas=ALPHA):
    rows = [torch.tensor(row, dtype=torch.float64).softmax(-1) for row in alphas]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def paths():
    """Every path, its probability and its cost without the fixed part."""
    p = probs()
    for i, x in enumerate(COSTS['a']):
        for j, y in enumerate(COSTS['b']):
            path = dict(a=f'c{i}', b=f'c{j}', c='c0')
            yield path, float(p[0, i] * p[1, j]), x + y + 3.0


# The two formulas


def test_the_expected_cost_is_the_mean_over_all_paths():
    wanted = sum(p * cost for _, p, cost in paths())
    found = expected_cost(probs(), make_table().matrix('flops').double())
    assert abs(found - wanted) <= 1e-12


@pytest.mark.parametrize('chosen', [(0, 0, 0), (1, 2, 0), (0, 1, 0)])
def test_the_sampled_cost_is_the_sum_of_probability_times_cost(chosen):
    p = probs()
    wanted = sum(
        float(p[i, k]) * row[k]
        for i, (k, row) in enumerate(zip(chosen, COSTS.values(), strict=True))
    )
    costs = make_table().matrix('flops').double()
    assert abs(sampled_cost(p, costs, torch.tensor(chosen)) - wanted) <= 1e-12


@pytest.mark.parametrize('form', ['expected', 'sampled'])
def test_gradients_by_finite_differences(form):
    costs = make_table().matrix('flops').double()
    chosen = torch.tensor([1, 2, 0])

    def cost(*alphas):
        rows = [alpha.softmax(-1) for alpha in alphas]
        p = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return (
            expected_cost(p, costs)
            if form == 'expected'
            else sampled_cost(p, costs, chosen)
        )

    alphas = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in ALPHA]
    assert torch.autograd.gradcheck(cost, alphas)


def gradient(term, path, alphas=ALPHA):
    """The penalty and its gradient by row of alpha."""
    term = term.double()
    leaves = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in alphas]
    rows = [leaf.softmax(-1) for leaf in leaves]
    p = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    penalty = term(p, path)
    assert penalty.shape == ()
    value = penalty.item()
    if not penalty.requires_grad:
        return value, [np.zeros(len(a)) for a in alphas]
    return value, [g.numpy() for g in torch.autograd.grad(penalty, leaves)]


def test_the_mean_gradient_of_both_forms_by_enumeration():
    """``expected`` pulls by ``c - mean c``, ``sampled`` by ``p c - mean p c``.

    So the official form comes to rest where ``p`` is proportional to ``1/c``,
    the expected one at the cheapest candidate.
    """
    table = make_table()
    p = probs().numpy()
    c = table.matrix('flops').numpy()
    forms = dict(expected=c, sampled=c * p)
    for form, pull in forms.items():
        term = CostTerm(table, limit=4.5 + BASE, weight=0.5, form=form)
        mean = [np.zeros(len(a)) for a in ALPHA]
        for path, weight, _ in paths():
            _, grads = gradient(term, path)
            mean = [m + weight * g for m, g in zip(mean, grads, strict=True)]
        wanted = 0.5 * p * (pull - (p * pull).sum(1, keepdims=True))
        for m, w in zip(mean, wanted, strict=True):
            assert np.abs(m - w[: len(m)]).max() <= 1e-6

    rest = [(-np.log(row)).tolist() for row in COSTS.values()]
    term = CostTerm(table, limit=4.5 + BASE, weight=0.5, form='sampled')
    at_rest = probs(rest).numpy()
    mean = [np.zeros(len(a)) for a in ALPHA]
    for path, _, _ in paths():
        k = [int(choice[1]) for choice in path.values()]
        weight = math.prod(at_rest[i, k_i] for i, k_i in enumerate(k))
        _, grads = gradient(term, path, rest)
        mean = [m + weight * g for m, g in zip(mean, grads, strict=True)]
    assert max(np.abs(m).max() for m in mean) <= 1e-6


# When the penalty applies


def test_without_a_limit_there_is_no_penalty():
    penalty, grads = gradient(CostTerm(make_table()), dict(a='c1', b='c2', c='c0'))
    assert penalty == 0 and not any(g.any() for g in grads)


@pytest.mark.parametrize('count', [True, False])
def test_the_expected_form_applies_above_the_limit(count):
    base = BASE if count else 0.0
    mean = sum(p * cost for _, p, cost in paths())
    path = dict(a='c0', b='c1', c='c0')  # the cheapest: it does not matter
    options = dict(weight=0.25, form='expected', count_fixed_part=count)
    below = CostTerm(make_table(), limit=base + mean - 1e-3, **options)
    penalty, grads = gradient(below, path)
    assert penalty == pytest.approx(0.25 * (base + mean), rel=1e-6)
    assert all(g.any() for g in grads[:2])
    above = CostTerm(make_table(), limit=base + mean + 1e-3, **options)
    penalty, grads = gradient(above, path)
    assert penalty == 0 and not any(g.any() for g in grads)


@pytest.mark.parametrize('count', [True, False])
def test_the_sampled_form_applies_from_the_limit_on(count):
    base = BASE if count else 0.0
    p = probs()
    for path, _, cost in paths():
        for limit, applies in ((cost, True), (cost + 1e-6, False), (cost - 0.1, True)):
            if limit < 4.5:
                continue  # below the cheapest path, which is refused
            term = CostTerm(
                make_table(),
                limit=base + limit,
                weight=0.25,
                form='sampled',
                count_fixed_part=count,
            )
            penalty, _ = gradient(term, path)
            picked = [
                float(p[i, int(choice[1])]) * COSTS[name][int(choice[1])]
                for i, (name, choice) in enumerate(path.items())
            ]
            assert penalty == (
                pytest.approx(0.25 * sum(picked), rel=1e-6) if applies else 0
            )


# Options


def test_a_limit_below_the_cheapest_path():
    with pytest.raises(
        ConfigError, match=r'limit is 24 MFLOPs, .*cheapest.* 24\.5 MFLOPs\.'
    ):
        CostTerm(make_table(), limit=24)
    CostTerm(make_table(), limit=24.5)
    with pytest.raises(ConfigError, match=r'4\.5 MFLOPs \(blocks only, .*=False\)\.'):
        CostTerm(make_table(), limit=4, count_fixed_part=False)
    CostTerm(make_table(), limit=4.5, count_fixed_part=False)


def test_a_limit_above_the_dearest_path(warned):
    CostTerm(make_table(), limit=35)
    CostTerm(make_table(), limit=15, count_fixed_part=False)
    assert warned() == []
    CostTerm(make_table(), limit=35.5)
    CostTerm(make_table(), limit=16, count_fixed_part=False)
    with_fixed, without = warned()
    assert 'cost.limit is 35.5' in with_fixed and 'costs 35 MFLOPs:' in with_fixed
    assert 'no effect' in with_fixed
    assert 'cost.limit is 16' in without and 'costs 15 MFLOPs (blocks only' in without


def test_nothing_of_it_is_in_the_state():
    term = CostTerm(make_table(), limit=30, form='expected')
    assert term.state_dict() == {} and list(term.parameters()) == []
    assert term.double().costs.dtype is torch.float64  # it moves with the model
