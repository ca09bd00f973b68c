"""Whole searches on toy supernets: does DSNAS find what must be found?"""

import pytest
import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper

from mmdsnas.engine import SearchOptimWrapperDict
from tests.toy import Apply, Layer, ToyNet, algorithm_of, block

WIDTH, CLASSES, BATCH = 8, 4, 64


def run(algorithm, seed, iterations, per_epoch):
    """Trains on points that a random linear map classifies."""
    optim_wrapper = SearchOptimWrapperDict(
        architecture=OptimWrapper(
            torch.optim.Adam(algorithm.architecture.parameters(), lr=1e-2)
        ),
        mutator=OptimWrapper(torch.optim.Adam(algorithm.mutator.parameters(), lr=2e-2)),
    )
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(WIDTH, CLASSES, generator=generator)
    algorithm.train()
    for iteration in range(iterations):
        if iteration % per_epoch == 0:
            algorithm.begin(epoch=iteration // per_epoch)
        algorithm.begin(iteration=iteration, seed=seed)
        inputs = torch.randn(BATCH, WIDTH, generator=generator)
        data = dict(inputs=inputs, data_samples=(inputs @ truth).argmax(1))
        algorithm.train_step(data, optim_wrapper)
    inputs = torch.randn(1000, WIDTH, generator=generator)
    with torch.no_grad():
        logits = algorithm.eval()(inputs)
    return (logits.argmax(1) == (inputs @ truth).argmax(1)).float().mean().item()


def planted(seed):
    """Blocks in which one candidate lets the signal through.

    Of the others one puts out zeros and one noise of the right size; which is
    which differs from block to block and from seed to seed.
    """
    generator = torch.Generator().manual_seed(seed)
    blocks, right = [], []
    for _ in range(3):
        operations = [
            Layer(torch.tanh, WIDTH),
            Apply(torch.zeros_like),
            Apply(torch.randn_like),
        ]
        order = torch.randperm(3, generator=generator).tolist()
        blocks.append(block(**{f'op{i}': operations[k] for i, k in enumerate(order)}))
        right.append(f'op{order.index(0)}')
    return ToyNet(blocks, width=WIDTH, classes=CLASSES), right


@pytest.mark.slow
def test_a_planted_architecture_is_found():
    solved, accuracies, planted_at = 0, [], set()
    for seed in range(10):
        torch.manual_seed(seed)
        net, right = planted(seed)
        algorithm = algorithm_of(
            net, WIDTH, mutator=dict(fix_threshold=0.5), finetune_epochs=6
        )
        accuracy = run(algorithm, seed, iterations=650, per_epoch=100)
        found = list(algorithm.mutator.fixed.values())
        assert len(found) == 3  # the last 50 iterations finetune the child
        solved += found == right
        accuracies += [accuracy] if found == right else []
        planted_at.update(right)
    assert solved >= 9
    assert min(accuracies) > 0.8  # by the weights of the one run
    assert planted_at == {'op0', 'op1', 'op2'}


class Detour(nn.Module):
    """A layer, and frozen identity maps that cost something and do nothing."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.layer = Layer(torch.tanh, WIDTH)
        maps = [nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(length)]
        self.detour = nn.Sequential(*maps)
        for linear in maps:
            nn.init.eye_(linear.weight).requires_grad_(False)

    def forward(self, x):
        return self.detour(self.layer(x)) if len(self.detour) else self.layer(x)


def equal_candidates(cost=None):
    """Three blocks of equal candidates that cost 1, 2 and 4 layers."""
    lengths = dict(short=0, middle=1, long=3)
    blocks = []
    for k in range(3):
        # The cheap one stands at another place in every block.
        names = [*lengths][k:] + [*lengths][:k]
        op = block(**{name: Detour(lengths[name]) for name in names})
        start = op._candidates['short'].layer.state_dict()
        for candidate in op._candidates.values():
            candidate.layer.load_state_dict(start)
        blocks.append(op)
    net = ToyNet(blocks, width=WIDTH, classes=CLASSES)
    return algorithm_of(net, WIDTH, finetune_epochs=3, cost=cost)


def chosen_after_a_search(seed, cost=None):
    torch.manual_seed(seed)
    algorithm = equal_candidates(cost)
    run(algorithm, seed, iterations=250, per_epoch=100)
    return list(algorithm.mutator.derive_child().values())


@pytest.mark.slow
@pytest.mark.parametrize('form', ['expected', 'sampled'])
def test_the_cheap_candidate_wins_in_every_block(form):
    cheapest, costliest = equal_candidates().cost_table.cost_range()
    limit = cheapest + 0.05 * (costliest - cheapest)
    for seed in range(5):
        cost = dict(limit=limit, weight=1e4, form=form)
        assert chosen_after_a_search(seed, cost) == ['short'] * 3


@pytest.mark.slow
def test_without_the_cost_term_no_candidate_is_preferred():
    chosen = [c for seed in range(8) for c in chosen_after_a_search(seed)]
    # 24 blocks; each candidate's share is around a third.
    assert all(2 <= chosen.count(name) <= 15 for name in ('short', 'middle', 'long'))
