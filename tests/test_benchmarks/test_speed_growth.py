"""Other sizes of the workload; ranks and Runner."""

from dataclasses import replace

import pytest
from torch import distributed as dist

from benchmarks.speed import growth, memory
from benchmarks.speed.ranks import RankedStep
from benchmarks.speed.runner_step import TurnsHook, build_runner, checkpoint
from benchmarks.speed.timing import Times
from benchmarks.speed.variants import (
    FinetuneStep,
    PlainStep,
    SearchStep,
    build_search,
)
from benchmarks.speed.workload import plain_dict
from mmdsnas.models.mutables import blocks_of


def bytes_of_parameters(model):
    return sum(p.numel() * p.element_size() for p in model.parameters())


def test_a_workload_of_other_sizes(workload):
    more = build_search(replace(workload, candidates=6, blocks=8))[0]
    blocks = blocks_of(more.architecture).values()
    assert [len(block.choices) for block in blocks] == [6] * 8
    kinds = {type(op) for block in blocks for op in block.candidates()}
    assert len(kinds) == 1
    with pytest.raises(ValueError, match='5'):
        replace(workload, blocks=5).load()


def test_ranks_count_the_gradients_that_they_exchange(workload, tmp_path):
    search = SearchStep(workload)
    plain = PlainStep(workload, search.algorithm, search.paths()[:1])
    config = plain_dict(workload.load(), 'model_wrapper_cfg')
    store = f'file://{tmp_path}/store'
    dist.init_process_group('gloo', init_method=store, rank=0, world_size=1)
    try:
        for step, model in ((search, search.algorithm), (plain, plain.children[0])):
            ranked = RankedStep(step, config)
            for index in range(2):
                ranked.num_bytes = 0
                ranked.run(index)
            assert ranked.num_bytes == bytes_of_parameters(model)
    finally:
        dist.destroy_process_group()


@pytest.fixture
def counted(monkeypatch):
    """Growth whose steps take what their size says: no clock, no other process."""

    def take_turns(steps, rounds, warmup, device):
        times = {}
        for name, step in steps.items():
            model = getattr(step, 'algorithm', None) or step.children[0]
            size = len(blocks_of(model)) + (0.5 if 'search' in name else 0)
            choices = len(next(iter(blocks_of(model).values())).choices)
            times[name] = Times([size * choices] * rounds, [2.0 * size] * rounds)
        return times

    monkeypatch.setattr(growth, 'take_turns', take_turns)
    monkeypatch.setattr(growth, 'search_memory', lambda workload: dict(peak=workload))


def test_growth_in_candidates_is_compared_with_the_fewest(counted, workload):
    rows = growth.in_candidates(workload, (2, 3, 6), 4, 0)['rows']
    assert [row['size'] for row in rows] == [2, 3, 6]
    assert [row['wall'].median for row in rows] == [8, 12, 24]
    assert [row['ratio'].median for row in rows] == [1, 1.5, 3]
    assert [row['cpu_ratio'].median for row in rows] == [1, 1, 1]
    assert [row['memory']['peak'].candidates for row in rows] == [2, 3, 6]


@pytest.mark.slow
def test_growth_in_blocks_is_compared_with_plain_steps(counted, workload):
    found = growth.in_blocks(workload, (4, 8), 4, 0)
    rows = found['rows']
    assert [row['wall'].median for row in rows] == [18, 34]
    # A child has one candidate left in each block.
    assert [row['ratio'].median for row in rows] == [18 / 4, 34 / 8]
    assert [row['cpu_ratio'].median for row in rows] == [9 / 8, 17 / 16]
    assert found['off_line'] == pytest.approx(0, abs=1e-9)


def test_the_limit_of_memory_by_hand(workload, monkeypatch):
    """Plain peak, the supernet's weights and their state, and 5 %."""
    found = dict(search=dict(weights=30, state=10, peak=0), plain=dict(peak=60))

    def fresh(function, workload, name):
        assert function is memory.measure and workload.num_paths == 1
        return found[name]

    monkeypatch.setattr(memory, 'in_fresh_process', fresh)
    result = memory.peak_memory(workload, ['search', 'plain'])
    assert result == dict(variants=found, limit=105)


def test_a_finetune_step_exchanges_the_child_alone(workload, tmp_path):
    search = SearchStep(workload)
    path = search.paths()[0]
    child = PlainStep(workload, search.algorithm, [path]).children[0]
    finetune = FinetuneStep(workload, search.algorithm, path)
    config = plain_dict(workload.load(), 'model_wrapper_cfg')
    store = f'file://{tmp_path}/store'
    dist.init_process_group('gloo', init_method=store, rank=0, world_size=1)
    try:
        ranked = RankedStep(finetune, config)
        ranked.run(0)
        assert ranked.num_bytes == bytes_of_parameters(child)
        assert not ranked.model.find_unused_parameters
        assert RankedStep(search, config).model.find_unused_parameters
    finally:
        dist.destroy_process_group()


def test_a_bare_step_follows_each_iteration_of_the_runner(workload, tmp_path):
    runner = build_runner(workload, 4, str(tmp_path))
    hook = TurnsHook('cpu', warmup=1)
    runner.register_hook(hook, 'LOWEST')
    assert runner.hooks[-1] is hook
    steps, step = [], runner.model.train_step

    def train_step(data, optim_wrapper):
        losses = step(data, optim_wrapper)
        algorithm = runner.model
        path = algorithm.mutator.current_choices
        steps.append((algorithm.iteration, tuple(path.values()), id(data['inputs'])))
        return losses

    runner.model.train_step = train_step
    runner.train()
    # In the Runner and bare: the same iteration, path and batch.
    assert len(steps) == 8 and steps[::2] == steps[1::2]
    assert [iteration for iteration, *_ in steps[::2]] == [0, 1, 2, 3]
    assert len({inputs for *_, inputs in steps}) == 1
    assert len(hook.runner_times) == len(hook.bare_times) == len(hook.runner_cpu) == 3
    assert min(hook.runner_times + hook.bare_times) > 0
    saved = checkpoint(runner, tmp_path, times=1)
    state = runner.optim_wrapper['architecture'].optimizer.state
    # A long search has the momentum of every candidate.
    assert all(
        'momentum_buffer' in state[p] for p in runner.model.architecture.parameters()
    )
    assert saved['bytes'] > 2 * bytes_of_parameters(runner.model.architecture)
