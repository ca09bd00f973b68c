import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmdsnas.engine.hooks.logging import step_times
from mmdsnas.engine.hooks.logging.step_times import StepTimes, measure, seconds_of
from mmdsnas.models import DSNAS, Stage
from tests.toy_run import runner_of, same, search_of, state_of

TIMES = StepTimes(
    step={Stage.PRETRAIN: 1.0, Stage.SEARCH: 3.0, Stage.FINETUNE: 0.5},
    evaluation=0.25,
    image=0.125,
)
EPOCHS = range(7)


def run_of(workers, interval=1):
    """Of 10 steps of 8 images: 1 s of loading a step.

    A validation is two of its batches, 2 s of loading, in each of two processes.
    """
    model = search_of()
    model.pretrain_epochs, model.finetune_epochs = 2, 3
    return SimpleNamespace(
        model=model,
        train_dataloader=DataLoader(range(80), 8, num_workers=workers),
        val_dataloader=DataLoader(range(32)),
        val_loop=object(),
        train_loop=SimpleNamespace(val_interval=interval),
    )


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setattr(step_times, 'get_world_size', lambda: 2)


@pytest.mark.parametrize(
    'workers, cores, seconds',
    [
        # One after the other: steps of 2, 4, 1.5 s; validations of 0.5 + 2 s.
        (0, 8, 2 * 20 + 40 + 4 * 15 + 7 * 2.5),
        # Side by side with one worker: 1, 3 and 1 s; 2 s.
        (1, 8, 2 * 10 + 30 + 4 * 10 + 7 * 2.0),
        # One core for both: as with no worker.
        (4, 1, 2 * 20 + 40 + 4 * 15 + 7 * 2.5),
        # Four workers: 1, 3 and 0.5 s; 0.5 s.
        (4, 8, 2 * 10 + 30 + 4 * 5 + 7 * 0.5),
    ],
)
def test_seconds_of_a_run(monkeypatch, workers, cores, seconds):
    monkeypatch.setattr(os, 'cpu_count', lambda: cores)
    assert seconds_of(run_of(workers), EPOCHS, TIMES) == seconds


def test_loaders_start_in_every_epoch_and_validation():
    plain = seconds_of(run_of(1), EPOCHS, TIMES)
    slow = seconds_of(run_of(1, interval=2), EPOCHS, TIMES._replace(start=2.0))
    # And there are half as many validations, of 2 s.
    assert slow == plain + 7 * (2.0 * 1.5 - 1.0)


def test_every_stage_is_trained_and_no_trace_is_left(tmp_path, monkeypatch):
    seen = []
    train = DSNAS.train_step

    def spy(algorithm, batch, optimizers):
        seen.append(
            (algorithm.stage, algorithm.searching, bool(algorithm.mutator.free))
        )
        return train(algorithm, batch, optimizers)

    monkeypatch.setattr(DSNAS, 'train_step', spy)
    search = search_of()
    runner = runner_of(tmp_path, model=search)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    before = state_of(runner)
    drawn = [random.getstate()[1], np.random.get_state()[1], torch.get_rng_state()]
    times = measure(runner, range(3))
    after = [random.getstate()[1], np.random.get_state()[1], torch.get_rng_state()]
    assert all(map(np.array_equal, drawn, after))
    assert same(before, state_of(runner))
    assert search.stage is None and search.training
    optimizers = runner.optim_wrapper.values()
    assert not any(wrapper.optimizer.state for wrapper in optimizers)
    assert not any(p.grad is not None for p in search.parameters())
    calls = 1 + step_times.REPEATS
    assert seen == [
        *[(Stage.PRETRAIN, False, True)] * calls,
        *[(Stage.SEARCH, True, True)] * calls,
        *[(Stage.FINETUNE, False, False)] * calls,
    ]
    assert (
        list(times.step) == list(Stage) and min(*times.step.values(), *times[1:3]) > 0
    )
