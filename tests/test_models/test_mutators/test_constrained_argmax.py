import numpy as np
import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.models.mutators import most_probable
from mmdsnas.models.mutators.most_probable import ConstrainedArgmax
from tests.test_models.test_mutators.spaces import SIZES, mixed_net
from tests.toy import ToyNet, all_paths, block, prepared, set_alpha

COSTS = np.array([[[1.0, 4.0], [1.0, 4.0], [1.0, 4.0]]])


def limited(limit, mean=False, **kwargs):
    """Three blocks of a cheap candidate (1) and a dear one (4)."""
    net = ToyNet([block(cheap=nn.Identity(), dear=nn.Tanh()) for _ in range(3)])
    mutator = prepared(net, **kwargs)
    mutator.limits = ConstrainedArgmax(COSTS, np.array([limit]), mean=mean)
    return mutator


def child(mutator):
    return ''.join(choice[0] for choice in mutator.derive_child().values())


def test_the_child_is_within_the_limit():
    mutator = limited(9.0)
    set_alpha(mutator, [0, 2], [0, 1], [0, 3])
    assert child(mutator) == 'dcd'
    assert list(mutator.sample_choices().values()) == ['dear', 'cheap', 'dear']
    mutator.limits = ConstrainedArgmax(COSTS, np.array([12.0]))
    assert child(mutator) == 'ddd'
    mutator.limits = ConstrainedArgmax(COSTS, np.array([8.0]))
    assert child(mutator) == 'ccd'
    # As sure as alpha is of what the limit leaves.
    sure = torch.tensor([0.0, 2.0]).softmax(-1)[0].item()
    assert mutator.confidence()['module_0'] == pytest.approx(sure)


def test_what_is_fixed_is_in_the_child():
    mutator = limited(6.0)
    set_alpha(mutator, [0, 2], [0, 1], [0, 3])
    assert child(mutator) == 'ccd'
    mutator.fix(dict(module_1='dear'))
    assert child(mutator) == 'cdc'
    mutator.fix(dict(module_0='dear'))
    with pytest.raises(
        ConfigError, match='limit must leave .* with the 2 of 3 choices'
    ):
        mutator.derive_child()


def test_a_finished_search_has_its_child_whatever_the_limit_is_now():
    """As where the latency is measured again, on another machine."""
    mutator = limited(9.0)
    mutator.fix({f'module_{i}': 'dear' for i in range(3)})
    assert child(mutator) == 'ddd'


def test_it_is_computed_again_only_after_a_change(monkeypatch):
    calls = []
    original = most_probable.most_probable_path
    monkeypatch.setattr(
        most_probable,
        'most_probable_path',
        lambda *args: calls.append(args) or original(*args),
    )
    mutator = limited(6.0)
    set_alpha(mutator, [0, 2], [0, 1], [0, 3])
    states = [{k: v.clone() for k, v in mutator.state_dict().items()}]
    assert [child(mutator) for _ in range(3)] == ['ccd'] * 3 and len(calls) == 1
    set_alpha(mutator, [0, 4], [0, 1], [0, 3])
    assert child(mutator) == 'dcc' and len(calls) == 2
    # Of a checkpoint, loaded or not, and of what it has fixed.
    assert list(mutator.child_of(states[0]).values()) == ['cheap', 'cheap', 'dear']
    mutator.load_state_dict(states[0])
    assert child(mutator) == 'ccd'
    mutator.load_state_dict({**states[0], '_fixed': torch.tensor([-1, 1, -1])})
    assert child(mutator) == 'cdc'
    # Values changed behind torch's back, as some optimizers do.
    mutator.arch_params['module_1'].data.zero_()
    mutator.load_state_dict(states[0])
    mutator.arch_params['module_1'].data.mul_(10)
    assert child(mutator) == 'cdc'


def test_early_fixing_keeps_the_limit_within_reach():
    """All blocks are decided for the dear candidate; the limit takes one of them."""
    mutator = limited(6.0, fix_threshold=0.3)
    set_alpha(mutator, [0, 2], [0, 1], [0, 3])
    assert mutator.early_fix() == dict(module_2='dear')
    assert mutator.free == ['module_0', 'module_1'] and child(mutator) == 'ccd'
    # What changes its mind is fixed later.
    set_alpha(mutator, [2, 0], [0, 1], [0, 3])
    assert mutator.early_fix() == dict(module_0='cheap')
    assert child(mutator) == 'ccd'
    mutator.fix(mutator.derive_child())
    assert list(mutator.fixed.values()) == ['cheap', 'cheap', 'dear']


def test_early_fixing_keeps_the_mean_cost_within_the_limit():
    """Means by hand: 1 + 3 p of a free block, 1 or 4 of a fixed one."""
    probs = np.array([[0.1, 0.9], [0.2, 0.8], [0.5, 0.5]])
    kept = {}
    for limit in (9.6, 10.0):
        limited_to = ConstrainedArgmax(COSTS, np.array([limit]))
        kept[limit] = [
            limited_to.fixable(probs, chosen)
            for chosen in ({0: 1}, {1: 1}, {0: 1, 1: 1}, {1: 0, 0: 1}, {2: 1})
        ]
    # 3.7 + 3.4 + 2.5 is just the limit: whatever is dear would bring it above, unless
    # something cheap was fixed before, and the surest is the first.
    assert kept[9.6] == [[], [], [], [1], []]
    # 9.6 again, with a slack of 1 % above the limit that 9.9 is not within.
    assert ConstrainedArgmax(COSTS, np.array([9.81])).fixable(probs, {0: 1}) == [0]
    # Above the limit nothing is fixed, not even what brings the mean down.
    assert ConstrainedArgmax(COSTS, np.array([9.5])).fixable(probs, {0: 1, 1: 0}) == []
    # 9.9 with the first, 10.5 with both, 7.5 with the second one cheap.
    assert kept[10.0] == [[0], [], [0], [0, 1], []]


@pytest.mark.parametrize('mean', [False, True])
def test_the_mean_keeps_decided_groups_free(mean):
    mutator = limited(9.0, mean=mean, fix_threshold=0.3)
    set_alpha(mutator, [0, 3], [0, 1.5], [0.1, 0])
    # 3.86 + 3.45 + 2.43 = 9.74 is above the limit, and 4 + 3.45 + 2.43 more so.
    assert child(mutator) == 'ddc'
    both = dict(module_0='dear', module_1='dear')
    assert mutator.early_fix() == ({} if mean else both)


def test_early_fixing_never_leaves_a_limit_unreachable():
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(50):
        mutator = limited(rng.choice([3.0, 6.0, 9.0]), fix_threshold=0.3)
        for _ in range(4):
            set_alpha(mutator, *rng.normal(scale=2, size=(3, 2)))
            decided = dict(mutator.fixed)
            if not mutator.free:
                break
            for name, (a, b) in zip(mutator.free, mutator.probs(mutator.free).tolist()):
                if abs(a - b) >= 0.3:
                    decided[name] = 'cheap' if a > b else 'dear'
            fixed = mutator.early_fix()
            refused += len(decided) - len(mutator.fixed)
            assert fixed.items() <= decided.items()
            mutator.derive_child()
    assert refused > 20


def best_first(mutator, allowed):
    """Every path that is allowed, the most probable first, by enumeration."""
    probs = {
        name: dict(zip(mutator.choices(name), row.tolist()))
        for name, row in zip(mutator.search_groups, mutator.probs())
    }
    scores = {
        tuple(path.values()): np.prod([probs[g][c] for g, c in path.items()])
        for path in all_paths(mutator)
        if all(path[g] == c for g, c in mutator.fixed.items()) and allowed(path)
    }
    return sorted(scores, key=scores.get, reverse=True)


@pytest.mark.parametrize('fixed', [{}, {1: 'c2'}, {0: 'c1', 3: 'c4'}])
@pytest.mark.parametrize('limits', [None, (17.0,), (20.0, 18.0)])
def test_the_most_probable_paths_by_enumeration(fixed, limits):
    """In their order, all of them where more are asked for."""
    mutator = prepared(mixed_net())
    rng = np.random.default_rng(len(fixed))
    set_alpha(mutator, *(rng.normal(size=size) for size in SIZES))
    names = list(mutator.search_groups)
    mutator.fix({names[g]: c for g, c in fixed.items()})
    number = len(limits or ())
    costs = rng.uniform(1, 6, (number, len(SIZES), max(SIZES)))
    if limits:
        mutator.limits = ConstrainedArgmax(costs, np.array(limits), rest=1.0)

    def allowed(path):
        chosen = [mutator.choices(n).index(c) for n, c in path.items()]
        total = costs[:, range(len(SIZES)), chosen].sum(1) + 1.0
        return bool((total <= np.array(limits or ())).all())

    wanted = best_first(mutator, allowed)
    assert len(wanted) > (0 if fixed else 5)
    for number in (1, 4, 99):
        found = [tuple(p.values()) for p in mutator.most_probable(number)]
        assert found == wanted[:number]
    assert mutator.most_probable(1) == [mutator.derive_child()]


def test_of_a_finished_search_there_is_one_path():
    mutator = limited(9.0)
    mutator.fix({f'module_{i}': 'dear' for i in range(3)})
    assert [[*p.values()] for p in mutator.most_probable(5)] == [['dear'] * 3]
