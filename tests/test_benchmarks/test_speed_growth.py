"""Other sizes of the workload; ranks and Runner."""

from dataclasses import replace

import pytest
from torch import distributed as dist

from benchmarks.speed.ranks import RankedStep
from benchmarks.speed.runner_step import TurnsHook, build_runner, checkpoint
from benchmarks.speed.variants import PlainStep, SearchStep, build_search
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
