from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import Runner

from mmdsnas.engine import trials as trials_module
from mmdsnas.engine.contenders import Contender
from mmdsnas.engine.hooks.utils import train_loader
from mmdsnas.engine.scoring import still
from mmdsnas.engine.trials import Trials
from tests.small_choice import SIZE, config_of
from tests.toy_run import same

WAITING = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9), accumulative_counts=2)
PATHS = dict(a=('small', 'full'), b=('full', 'skip'))


def tried(folder, order):
    """Losses and weights of two networks after the rounds that they are given.

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
    trials, found, rounds = Trials(runner, loader, 1, 3), {}, dict(a=0, b=0)
    contenders = {
        name: Contender(name, size, dict(zip(names, path)), 1.0, 0.0, [])
        for (name, path), size in zip(PATHS.items(), (SIZE, 8))
    }
    start = trials.weights(None)
    for name in order:
        # What is drawn in between has no effect.
        torch.rand(len(found) + 1)
        loss = trials.train(contenders[name], rounds[name])
        found[name, rounds[name]] = loss, trials.weights(contenders[name])
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
    for key, (loss, weights) in together.items():
        assert loss == alone[key][0] and same(weights, alone[key][1]), key
    assert len({loss for loss, _ in together.values()}) == 4


@pytest.mark.slow
@pytest.mark.parametrize('num_held_out', [1, 9])
def test_images_that_judge_are_not_trained_on(tmp_path, num_held_out):
    """They are at most half of the batches: here one of three."""
    runner = Runner.from_cfg(config_of(tmp_path, model__distillation=None))
    algorithm, loader = runner.model, train_loader(runner, 'this test')
    data, seen = loader.dataset, []
    data.prepare = data.prepare_data
    data.prepare_data = lambda place: seen.append(place) or data.prepare(place)
    trials = Trials(runner, loader, num_held_out, 2)
    held_out = seen.copy()
    assert held_out == next(iter(loader.batch_sampler))
    seen.clear()
    path = dict(zip(algorithm.mutator.free, PATHS['a']))
    tried = Contender('a', 8, path, 1.0, 0.0, [])
    losses = [trials.train(tried, round_) for round_ in range(2)]
    # Six steps of two batches.
    assert Counter(seen) == {place: 3 for place in set(range(24)) - set(held_out)}

    assert losses[0] != losses[1]
    inputs, samples = algorithm.data_preprocessor(trials._held_out[0]).values()
    labels = torch.cat([sample.gt_label.label for sample in samples])
    with still(algorithm), algorithm.executing(path, 8):
        logits = algorithm(inputs, mode='tensor')
    assert losses[1] == pytest.approx(F.cross_entropy(logits, labels).item(), 1e-5)


@pytest.mark.slow
def test_images_that_judge_are_not_trained_on_where_they_are_repeated(tmp_path):
    again = dict(type='RepeatDataset', times=3)
    options = dict(model__distillation=None, train_dataloader__dataset=again)
    config = config_of(tmp_path, model__distillation=None)
    again['dataset'] = config.train_dataloader.dataset
    runner = Runner.from_cfg(config_of(tmp_path, **options))
    loader, seen = train_loader(runner, 'this test'), []
    data = loader.dataset.dataset
    data.prepare = data.prepare_data
    data.prepare_data = lambda place: seen.append(place) or data.prepare(place)
    trials = Trials(runner, loader, 2, 9)
    held_out = set(seen)
    seen.clear()
    path = dict(zip(runner.model.mutator.free, PATHS['a']))
    trials.train(Contender('a', 8, path, 1.0, 0.0, []), 0)
    assert held_out < set(range(24)) and set(seen) == set(range(24)) - held_out


@pytest.mark.slow
def test_networks_are_judged_as_they_are_in_int8(tmp_path, monkeypatch):
    """By ranges of images that are trained on; nothing else is another one."""
    found, given, of_int8 = {}, [], trials_module.int8_loss

    def int8_loss(*args):
        given.append(args[-1])
        return of_int8(*args)

    monkeypatch.setattr(trials_module, 'int8_loss', int8_loss)
    for deploy in ('float32', 'int8'):
        runner = Runner.from_cfg(config_of(tmp_path, model__distillation=None))
        loader, names = train_loader(runner, 'this test'), runner.model.mutator.free
        trials = Trials(runner, loader, 1, 2, deploy)
        if deploy == 'int8':
            held_out, calibration = trials._held_out, trials._calibration
            assert len(calibration) == len(held_out) == 1
            places = [
                {s.sample_idx for s in batch[0]['data_samples']}
                for batch in (held_out, calibration)
            ]
            assert places[0].isdisjoint(places[1])
        contender = Contender('a', SIZE, dict(zip(names, PATHS['a'])), 1.0, 0.0, [])
        found[deploy] = trials.train(contender, 0), trials.weights(contender)
        assert same(runner.model.state_dict(), trials.weights(contender))
    assert given == [calibration]
    assert same(found['float32'][1], found['int8'][1])
    assert found['float32'][0] != found['int8'][0]
