import itertools
import re

import numpy as np
import pytest

from mmdsnas.errors import ConfigError
from mmdsnas.models import CostTable, CostTerm
from mmdsnas.models.mutators import most_probable_path

ROWS = dict(a=[(1.0, 9.0), (4.0, 1.0)], b=[(2.0, 8.0), (0.5, 4.0), (8.0, 2.0)])


def costs_of(flops, params):
    return dict(flops=flops, params=params)


FIXED_PART = costs_of(20.0, 100.0)


def table(rows=None, fixed_part=FIXED_PART):
    """Groups of two and three candidates: what is cheap in MFLOPs has parameters."""
    rows = rows or ROWS
    return CostTable(
        blocks={
            g: {f'c{k}': costs_of(*c) for k, c in enumerate(r)} for g, r in rows.items()
        },
        groups={g: [g] for g in rows},
        fixed_part=fixed_part,
    )


def all_paths(table):
    """Every path, and the index of its candidates."""
    choices = [list(row) for row in table.by_group.values()]
    for index in itertools.product(*(range(len(c)) for c in choices)):
        names = (c[k] for c, k in zip(choices, index, strict=True))
        yield dict(zip(table.groups, names, strict=True)), index


@pytest.mark.parametrize('fixed_part', [True, False])
def test_a_path_is_allowed_up_to_its_limits(fixed_part):
    """And a limit on the groups is the one on the network, to the last bit."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows = {g: rng.random((3, 2)).tolist() for g in 'abc'}
        costs = table(rows, costs_of(*(rng.random(2) * 10)))
        paths = list(all_paths(costs))
        at = costs.cost(paths[rng.integers(len(paths))][0], fixed_part)
        limit = dict(params=at['params'], flops=at['flops'])
        term = CostTerm(costs, limit=limit, count_fixed_part=fixed_part)
        assert term.limits == limit and list(term.limits) == ['flops', 'params']
        matrices, *limits = term.constraints()
        for path, index in paths:
            cost = costs.cost(path, fixed_part)
            within = all(cost[name] <= at[name] for name in limit)
            assert term.allows(path) == within
            scores = np.full(matrices.shape[1:], -np.inf)
            scores[range(3), index] = 0.0
            assert (most_probable_path(scores, matrices, *limits) is not None) == within


def test_a_number_is_a_limit_on_flops():
    term = CostTerm(table(), limit=25)
    assert term.limits == dict(flops=25.0)
    assert term.allows(dict(a='c0', b='c0')) and not term.allows(dict(a='c1', b='c0'))
    assert CostTerm(table()).allows(dict(a='c1', b='c2'))


@pytest.mark.parametrize(
    ('limit', 'match'),
    [
        (
            dict(params=100),
            'is 100 million .* cheapest path .* 103 million',
        ),
        (
            dict(flops=21.5, params=112.5),
            'is 21.5 MFLOPs and 112.5 million parameters, .* at least 21.5 MFLOPs and '
            '103 million parameters',
        ),
        # The cheapest have 21.5 of 32 MFLOPs, and 103 of 117 million parameters.
        ('50%', r'is 16 MFLOPs \(50%\), .* at least 21.5 MFLOPs \(67.2%\)\.$'),
        (
            dict(flops=20, params='87.5 %'),
            r'is 20 MFLOPs and 102.375 million parameters \(87.5%\), .* at least 21.5 '
            r'MFLOPs and 103 million parameters \(88.1%\)\.$',
        ),
        (dict(latency=1.0), r'has latency, so resource_estimator\.latency must say'),
    ],
)
def test_limits_out_of_reach(limit, match):
    with pytest.raises(ConfigError, match=match):
        CostTerm(table(), limit=limit)


@pytest.mark.parametrize('fixed_part', [True, False])
def test_the_part_that_is_told_is_enough(fixed_part):
    for scale in (1.0, 0.7, 1.3):
        rows = {g: [(scale * f, p) for f, p in row] for g, row in ROWS.items()}
        options = dict(count_fixed_part=fixed_part)
        with pytest.raises(ConfigError) as raised:
            CostTerm(table(rows), limit='1%', **options)
        (part,) = re.findall(r'\((\d+\.?\d*%)\)(?=.*\.$)', str(raised.value))[1:]
        CostTerm(table(rows), limit=part, **options)


def test_limits_within_reach_together():
    CostTerm(table(), limit=dict(flops=21.5, params=113))
    CostTerm(table(), limit=dict(flops=24.5, params=105))


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (
            dict(limit={}),
            r'^cost.limit must .*a length of at least 1 .*, but is \{\}',
        ),
        (dict(limit=dict(flop=1.0)), 'among flops, params, latency, memory, size, but'),
        (
            dict(limit=dict(flops=0)),
            '^cost.limit.flops must be a number above 0, .*, but is 0',
        ),
        (
            dict(limit=30, weight=0.1),
            "weight must be left out .*'adaptive'.* but is 0.1",
        ),
        (
            dict(limit=dict(flops=30, params=110), form='sampled'),
            "limit must be one on flops with .* cost.form='sampled'",
        ),
        (dict(limit=dict(params=110), form='expected'), 'limit must be one on flops'),
        (dict(limit=float('nan')), r"limit must .* percentage .* '12.5 %', but is nan"),
        (dict(form='mean'), "^cost.form must be 'adaptive'.*but is 'mean'"),
        (dict(form=None), '^cost.form must .*, but is None'),
        (dict(weight=-1e-3), r'^cost.weight must .* at least 0, but is -0\.001'),
    ],
)
def test_options_that_do_not_fit(options, match):
    with pytest.raises(ConfigError, match=match):
        CostTerm(table(), **options)


def test_the_fixed_weight_forms_take_a_limit_by_name():
    for form in ('expected', 'sampled'):
        by_name = CostTerm(table(), limit=dict(flops=25.0), form=form)
        assert by_name.limits == dict(flops=25.0) and by_name.weight == 1e-2


def test_a_limit_without_effect_is_named(warned):
    CostTerm(table(), limit=dict(flops=30, params=117.5))
    (line,) = warned()
    assert re.search(
        'is 117.5 million parameters, but the most expensive .* costs 117', line
    )


@pytest.mark.parametrize('fixed_part', [True, False])
def test_a_part_of_the_most_expensive_path(fixed_part):
    """By hand: the most are 4 + 8 MFLOPs, and 9 + 8 million parameters."""
    rest = (20.0, 100.0) if fixed_part else (0.0, 0.0)
    most = dict(flops=12 + rest[0], params=17 + rest[1])
    for limit, wanted in (
        ('75%', dict(flops=0.75 * most['flops'])),
        ('75 %', dict(flops=0.75 * most['flops'])),
        ('99.5%', dict(flops=0.995 * most['flops'])),
        (
            dict(params='95%', flops=31),
            dict(flops=31.0, params=0.95 * most['params']),
        ),
    ):
        term = CostTerm(table(), limit=limit, count_fixed_part=fixed_part)
        assert term.limits == pytest.approx(wanted)
        assert list(term.limits) == list(wanted)
    # Of another table, such as that of larger images.
    whole = table({g: [(2 * f, p) for f, p in row] for g, row in ROWS.items()})
    term = CostTerm(table(), limit='75%', count_fixed_part=fixed_part, whole=whole)
    assert term.limits == dict(flops=pytest.approx(0.75 * (24 + rest[0])))


@pytest.mark.parametrize(
    'limit', ['50', '50  %', '-5%', '0%', '%', 'half', '1e2%', True]
)
def test_what_is_no_part(limit):
    message = (
        '^cost.limit must be a dict or be a number above 0, or a percentage '
        "above 0 of what the most expensive path costs, such as '50%' or '12.5 %', but"
    )
    with pytest.raises(ConfigError, match=message):
        CostTerm(table(), limit=limit)


def test_a_part_of_what_nothing_measured():
    with pytest.raises(ConfigError, match='has latency, so resource_estimator'):
        CostTerm(table(), limit=dict(latency='50%'))
