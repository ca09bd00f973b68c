import math

import pytest
import torch

from mmdsnas.engine.hooks.logging.search_log_hook import probabilities, search_numbers
from tests.toy import (
    Layer,
    ToyNet,
    batch,
    block,
    costly_net,
    searching,
    set_alpha,
    smooth_block,
    smooth_net,
)


def numbers(algorithm, rewards=None):
    """Of an iteration that left alpha where it was."""
    return search_numbers(algorithm, algorithm.mutator.probs().detach(), rewards)


def test_the_search_as_a_whole():
    algorithm = searching(costly_net())
    set_alpha(algorithm.mutator, [0, 1], [2, 0], [0, 0])
    algorithm.loss(*batch())
    table, mutator = algorithm.cost_table, algorithm.mutator
    state, _ = numbers(algorithm)
    assert state['sampled_mflops'] == table.cost(mutator.current_choices)['flops']
    probs = torch.tensor([[0.0, 1], [2, 0], [0, 0]], dtype=torch.float64).softmax(-1)
    # A linear map of 6 x 6 against two of 6 x 60.
    mean = (18 + (probs @ torch.tensor([36.0, 720.0]).double()).sum()) / 1e6
    assert state['expected_mflops'] == pytest.approx(mean.item(), rel=1e-6)
    entropy = -(probs * probs.log()).sum(-1).mean()
    assert state['entropy'] == pytest.approx(entropy.item(), rel=1e-6)
    assert state['fixed_blocks'] == 0
    mutator.fix(mutator.derive_child())
    algorithm.loss(*batch())
    state, _ = numbers(algorithm)
    assert state['fixed_blocks'] == 3 and state['entropy'] == 0
    assert state['expected_mflops'] == pytest.approx(state['sampled_mflops'])


def test_the_whole_network_counts():
    """Also where the limit is on the blocks only."""
    states = []
    for count in (True, False):
        torch.manual_seed(0)
        algorithm = searching(costly_net(), cost=dict(count_fixed_part=count))
        algorithm.loss(*batch())
        states.append(numbers(algorithm))
    assert states[0] == states[1]


def test_a_limit_has_its_numbers():
    """Mean parameters of the whole network, where there is a limit on them."""
    costs = searching(costly_net()).cost_table.cost_range
    limit = dict(flops=costs()[1], params=costs('params')[1])
    algorithm = searching(costly_net(), cost=dict(limit=limit))
    set_alpha(algorithm.mutator, [0, 1], [2, 0], [0, 0])
    with algorithm.constrained_step():
        algorithm.loss(*batch())
    algorithm.cost_term.multipliers.params.fill_(0.75)
    state, _ = numbers(algorithm)
    assert (state['multiplier_flops'], state['multiplier_params']) == (0, 0.75)
    probs = torch.tensor([[0.0, 1], [2, 0], [0, 0]], dtype=torch.float64).softmax(-1)
    # With their biases; the head has 3 outputs.
    mean = (21 + (probs @ torch.tensor([42.0, 786.0]).double()).sum()) / 1e6
    assert state['expected_mparams'] == pytest.approx(mean.item(), rel=1e-6)
    plain, _ = numbers(searching_and_run())
    assert not any('mparams' in name or 'multiplier' in name for name in plain)


def searching_and_run():
    algorithm = searching(costly_net())
    algorithm.loss(*batch())
    return algorithm


def test_fixed_blocks_are_blocks_and_not_groups():
    net = ToyNet([smooth_block('x'), smooth_block('x'), smooth_block()]).double()
    algorithm = searching(net)
    algorithm.mutator.fix(dict(module_0='tanh'))
    algorithm.loss(*batch())
    assert numbers(algorithm)[0]['fixed_blocks'] == 2


def test_every_block_has_its_numbers():
    """Of two blocks that share one alpha, and of one that is fixed later."""
    algorithm = searching(smooth_net('x', 'x', None))
    mutator = algorithm.mutator
    pair, (alone,) = algorithm.cost_table.groups.values()
    algorithm.loss(*batch())
    uniform = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    set_alpha(mutator, [0, 0, math.log(2)], [0, 0, 0])
    rewards = torch.tensor([-1.5, math.inf, 2.5], dtype=torch.float64)
    _, found = search_numbers(algorithm, uniform, rewards)
    # Of the probabilities 1/4, 1/4, 1/2, and to them from 1/3 each.
    entropy = 2 * math.log(4) / 4 + math.log(2) / 2
    kl = (2 * math.log(4 / 3) + math.log(2 / 3)) / 3
    wanted = {
        f'entropy/{pair[0]}': entropy,
        f'entropy/{pair[1]}': entropy,
        f'entropy/{alone}': math.log(3),
        f'kl/{pair[0]}': kl,
        f'kl/{pair[1]}': kl,
        f'kl/{alone}': 0,
        f'reward/{pair[0]}': -1.5,  # that of the other one overflowed
        f'reward/{alone}': 2.5,
        'total_entropy': entropy + math.log(3),
    }
    assert found == pytest.approx(wanted, abs=1e-12)

    (last,) = [name for name, g in mutator.search_groups.items() if len(g) == 1]
    mutator.fix({last: 'tanh'})
    algorithm.loss(*batch())
    state, found = numbers(algorithm, rewards[[0, 2]])
    assert state['fixed_blocks'] == 1
    assert found[f'entropy/{alone}'] == 0
    assert found['total_entropy'] == pytest.approx(entropy)
    assert {key for key in found if 'reward' in key} == {f'reward/{b}' for b in pair}
    assert not any('reward' in key for key in numbers(algorithm)[1])


def test_probabilities_of_all_candidates():
    """Of groups with two and with three candidates, and of a fixed one."""
    uneven = block(tanh=Layer(torch.tanh), sine=Layer(torch.sin))
    algorithm = searching(ToyNet([smooth_block(), uneven]).double())
    mutator = algorithm.mutator
    _, two = mutator.search_groups
    set_alpha(mutator, [0, 0, math.log(2)], [math.log(3), 0])
    found = probabilities(algorithm)
    wanted = {
        'prob/blocks.0/tanh': 0.25,
        'prob/blocks.0/sine': 0.25,
        'prob/blocks.0/square': 0.5,
        'prob/blocks.1/tanh': 0.75,
        'prob/blocks.1/sine': 0.25,
    }
    assert found == pytest.approx(wanted, abs=1e-12) and list(found) == list(wanted)
    mutator.fix({two: 'sine'})
    found = probabilities(algorithm)
    assert found['prob/blocks.1/tanh'] == 0 and found['prob/blocks.1/sine'] == 1
