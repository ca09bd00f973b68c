import json
import math
from types import SimpleNamespace

import pytest
import torch

from mmdsnas.engine import SearchLogHook
from mmdsnas.models import CostTable
from tests.toy_run import Keep, runner_of, search_of


class Mutator:
    free = ['module_1', 'module_2']
    fixed = {'module_0': 'a'}

    def derive_child(self):
        return {f'module_{i}': 'a' for i in range(3)}

    def confidence(self):
        return {f'module_{i}': 0.5 for i in range(3)}


def build(rewards, **measured):
    """A hook after an epoch of these rewards, one row an iteration."""
    blocks = {
        f'net.{i}': dict(a=dict(flops=1.0, params=2.0, **measured)) for i in 'wxyz'
    }
    groups = dict(module_0=['net.w'], module_1=['net.x', 'net.z'], module_2=['net.y'])
    table = CostTable(
        blocks, groups, dict.fromkeys(('flops', 'params', *measured), 0.0)
    )
    estimator = SimpleNamespace(block_rewards=None)
    algorithm = SimpleNamespace(
        mutator=Mutator(), cost_table=table, gradient_estimator=estimator
    )
    hook = SearchLogHook(interval=1)
    for row in rewards:
        estimator.block_rewards = torch.tensor(row)
        signed = hook._add_rewards(algorithm, 2.0)
        torch.testing.assert_close(2 * signed, torch.tensor(row), equal_nan=True)
        assert estimator.block_rewards is None
        # None since: an iteration without gates.
        assert hook._add_rewards(algorithm, 2.0) is None
    return hook, algorithm


def lines(monkeypatch, rewards, **kwargs):
    hook, algorithm = build(rewards, **kwargs)
    monkeypatch.setattr(
        'mmdsnas.engine.hooks.logging.search_log_hook.algorithm_of', lambda _: algorithm
    )
    said = []
    logger = SimpleNamespace(info=said.append)
    hook.after_train_epoch(SimpleNamespace(epoch=4, logger=logger))
    return said


@pytest.mark.parametrize('second, third', [(-4.0, -6.0), (math.inf, math.nan)])
def test_mean_reward_by_block(monkeypatch, second, third):
    """Without the loss factor; an overflow does not count."""
    _, told = lines(monkeypatch, [[2.0, second, 6.0], [4.0, 4.0, third]])
    assert told.endswith('net.x 1.5e+00  net.z 2.0e+00  net.y 3.0e+00')


def test_child_names_the_blocks(monkeypatch):
    (child,) = lines(monkeypatch, [])
    assert 'Child after epoch 5: 4.000 MFLOPs, 8.000 M parameters, 1 of 3' in child
    assert child.endswith('w a (0.50)  x+z a (0.50)  y a (0.50)')
    (child,) = lines(monkeypatch, [], latency=0.5)
    assert '8.000 M parameters, 2.0000 ms, 1 of 3' in child


def test_numbers_by_block_are_written_where_a_log_is_due(tmp_path):
    """Every third of four iterations, and at the end of an epoch."""
    model, hook = search_of(), SearchLogHook()
    alpha, kept = [], []
    keep = [
        Keep(
            'before_train_iter',
            lambda _: alpha.append(
                torch.stack(list(model.mutator.parameters())).detach().double()
            ),
            20,
        ),
        Keep('before_train_iter', lambda _: kept.append(hook._probs_before), 60),
    ]
    logger = dict(logger=dict(type='LoggerHook', interval=3))
    runner_of(tmp_path, [*keep, hook], model=model, default_hooks=logger).train()
    (path,) = tmp_path.glob('work/*/vis_data/scalars.json')
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    rows = {row['step']: row for row in rows if 'total_entropy' in row}
    assert list(rows) == [3, 4, 7, 8, 11, 12]
    assert [i for i, probs in enumerate(kept, 1) if probs is not None] == list(rows)
    p, q = alpha[6].softmax(-1), alpha[7].softmax(-1)
    wanted = (p * (p / q).log()).sum(-1)
    found = [rows[7][f'kl/blocks.{i}'] for i in range(2)]
    assert min(found) > 0 and found == pytest.approx(wanted.tolist(), rel=1e-2)
