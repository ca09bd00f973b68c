from itertools import islice

import pytest
import torch
from mmengine.runner import Runner

from mmdsnas.engine.contenders import Contender
from mmdsnas.engine.hooks.utils import train_loader
from mmdsnas.engine.scoring import OutputDistance
from mmdsnas.engine.trials import Trials
from tests.small_choice import SIZE, config_of
from tests.toy_run import same

WAITING = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9), accumulative_counts=2)
PATHS = dict(a=('small', 'full'), b=('full', 'skip'))


def tried(folder, order):
    """Distances and weights of two networks after the rounds that they are given.

    The data have three batches; the third of three steps takes what waits.
    """
    optimizers = dict(
        constructor='SearchOptimWrapperConstructor',
        architecture=WAITING,
        mutator=WAITING,
    )
    config = config_of(folder, model__distillation=None, optim_wrapper=optimizers)
    runner = Runner.from_cfg(config)
    names, loader = runner.model.mutator.free, train_loader(runner, 'this test')
    distance = OutputDistance(runner.model, [*islice(loader, 2)])
    trials, found, rounds = Trials(runner, distance, 3), {}, dict(a=0, b=0)
    contenders = {
        name: Contender(name, size, dict(zip(names, path)), 1.0, 0.0, [])
        for (name, path), size in zip(PATHS.items(), (SIZE, 8))
    }
    start = trials.weights(None)
    for name in order:
        # What is drawn in between has no effect.
        torch.rand(len(found) + 1)
        far = trials.train(contenders[name], rounds[name])
        found[name, rounds[name]] = far, trials.weights(contenders[name])
        rounds[name] += 1
        grads = [p.grad for p in runner.model.parameters() if p.grad is not None]
        assert not any(grad.any() for grad in grads)
    assert same(start, trials.weights(None))
    return found


@pytest.mark.slow
def test_networks_are_trained_as_if_each_were_alone(tmp_path):
    """In any order, a round longer than an epoch too."""
    alone = tried(tmp_path, 'aa') | tried(tmp_path, 'bb')
    together = tried(tmp_path, 'abba')
    assert len(together) == 4 and together.keys() == alone.keys()
    for key, (far, weights) in together.items():
        assert far == alone[key][0] and same(weights, alone[key][1]), key
    assert len({far for far, _ in together.values()}) == 4
