"""A limit across checkpoints: its multipliers, and limits that change."""

import torch
import torch.nn as nn

from tests.test_engine.test_exact_resume_hook import (
    checkpoint,
    resumed_is_whole,
    run,
)
from tests.toy import ToyNet, algorithm_of, block
from tests.toy_run import Norm

PREFIX = 'cost_term.multipliers.'
EMA = dict(type='EMAHook', update_buffers=True)


def model(share=0.3, fix_threshold=None):
    """Two blocks of a cheap and a dear candidate; 0: the limit is the cheapest path."""
    torch.manual_seed(0)
    dear = [nn.Sequential(nn.Linear(6, 60), nn.Linear(60, 6)) for _ in range(2)]
    blocks = [block(dear=op, cheap=Norm(torch.tanh)) for op in dear]
    net = ToyNet(blocks, stem=Norm(torch.relu))
    table = algorithm_of(net).cost_table
    low, high = table.cost_range()
    limit = None if share is None else dict(flops=low + share * (high - low))
    return algorithm_of(
        net,
        pretrain_epochs=1,
        finetune_epochs=3,
        cost=dict(limit=limit),
        mutator=dict(init_mean=0.0, fix_threshold=fix_threshold),
    )


def multipliers(state):
    return {k.removeprefix(PREFIX): v for k, v in state.items() if PREFIX in k}


def saved(folder, share=0.3, epoch=2):
    """A checkpoint in the middle of the search stage."""
    run(folder, model=model(share), more=[EMA])
    return folder / 'work' / f'epoch_{epoch}.pth'


def test_the_multipliers_go_on_where_they_were(tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'second'
    saved(first)
    states = [multipliers(checkpoint(first, e)['state_dict']) for e in (1, 2, 3)]
    assert set(states[0]) == {'flops', 'mean_square', 'steps'}
    # Moved by the steps of the search stage alone, two in an epoch.
    assert [s['steps'].item() for s in states] == [0, 2, 4]
    assert 0 < states[1]['flops'] < states[2]['flops']
    resumed_is_whole(first, second, 2, model=model(), more=[EMA])


def test_a_checkpoint_without_multipliers_is_resumed(tmp_path, messages):
    """Of a run without a limit; they begin at 0."""
    path = saved(tmp_path, share=None)
    assert not multipliers(checkpoint(tmp_path, 2)['state_dict'])
    runner = run(tmp_path / 'on', path, model=model(), more=[EMA])
    (said,) = [m for m in messages if 'bit for bit' in m]
    assert "cost.limits was None and is {'flops': " in said
    assert 'cost.form was None and is adaptive' in said
    state = multipliers(checkpoint(tmp_path / 'on', 3)['state_dict'])
    assert state['steps'] == 2
    assert runner.model.cost_term.allows(runner.model.mutator.fixed)


def test_a_limit_can_be_taken_away(tmp_path, messages):
    path = saved(tmp_path)
    run(tmp_path / 'on', path, model=model(share=None), more=[EMA])
    assert [m for m in messages if "cost.limits was {'flops': " in m and 'is None' in m]
    assert not multipliers(checkpoint(tmp_path / 'on', 3)['state_dict'])


def test_loading_what_has_no_multipliers_forgets_those_there_are():
    algorithm = model()
    multiplier = algorithm.cost_term.multipliers.flops
    state = {k: v for k, v in algorithm.state_dict().items() if PREFIX not in k}
    multiplier.fill_(3.0)
    found = algorithm.load_state_dict(state)
    assert multiplier == 0 and not found.missing_keys


def test_the_whole_run_ends_within_the_limit(tmp_path):
    """At the cheapest path, however sure alpha is of another one."""
    algorithm = model(share=0, fix_threshold=0.3)
    with torch.no_grad():
        for alpha in algorithm.mutator.arch_params.values():
            alpha.copy_(torch.tensor([5.0, 0.0]))  # the dear candidate
    runner = run(tmp_path, model=algorithm)
    assert list(runner.model.mutator.fixed.values()) == ['cheap', 'cheap']
