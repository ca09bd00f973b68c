import copy
import itertools
import random
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmdsnas.engine import EMAHook, SelectChildHook
from mmdsnas.engine.selection import BaseSelection
from mmdsnas.errors import ConfigError
from mmdsnas.models.batch_norm import batch_norms
from tests.toy import all_paths, set_alpha
from tests.toy_run import (
    Keep,
    NoisyVectors,
    loader,
    runner_of,
    same,
    search_of,
    state_of,
)

METRIC = 'toy/score'


class Every(BaseSelection):
    """Measures all paths of the toy, there and back; chooses what it is told to."""

    max_scores = 4

    def __init__(self, choose=None):
        self.choose, self.scores, self.spaces = choose, [], []

    def select(self, space, score):
        every = itertools.product(*space.choices.values())
        paths = [dict(zip(space.choices, choices)) for choices in every]
        self.spaces.append(space)
        values = [score(path) for path in [*paths, *paths[::-1]]][: len(paths)]
        self.scores.append(dict(zip(map(name_of, paths), values)))
        if self.choose is not None:
            return self.choose
        return max(paths, key=score)


def name_of(path):
    return '-'.join(path.values())


def select(strategy=None, **kwargs):
    """The hook, and beside it what makes an interrupted run go on exactly."""
    hook = SelectChildHook(strategy or Every(), metric=METRIC, **kwargs)
    return [hook, dict(type='ExactResumeHook')]


def uniform_search(**mutator):
    mutator = dict(init_std=0.0, **mutator)
    model = search_of(mutator=mutator)
    model.pretrain_epochs = model.finetune_epochs
    return model


@torch.no_grad()
def score_by_hand(net, path, x, inputs, labels):
    """BatchNorm with the statistics of x, which it normalises by its own variance."""
    for module in (net.stem, *(b._candidates[c] for b, c in zip(net.blocks, path))):
        weight, bias, eps = module.bn.weight, module.bn.bias, module.bn.eps
        x, inputs = module.layer(x), module.layer(inputs)
        mean, var, var_of_x = x.mean(0), x.var(0), x.var(0, correction=0)
        x = (x - mean) / (var_of_x + eps).sqrt() * weight + bias
        inputs = (inputs - mean) / (var + eps).sqrt() * weight + bias
    scores = net.head(inputs).softmax(-1)
    return scores[torch.arange(len(labels)), labels].mean().item()


@pytest.mark.parametrize('own_data', [False, True])
@pytest.mark.parametrize('wrapped', [False, True])
def test_scores_by_hand(tmp_path, request, wrapped, own_data):
    """With averaged weights; the best path is fixed and is what is finetuned."""
    model, every, wanted, before = uniform_search(), Every(), {}, {}
    ema = EMAHook(momentum=0.3, update_buffers=True)
    data = NoisyVectors(noise=False)
    evaluated = NoisyVectors(noise=False, num=12) if own_data else data

    def compute(runner):
        if runner.epoch != 2:
            return
        before.update(copy.deepcopy(model.state_dict()))
        averaged = copy.deepcopy(ema.ema_model.module.architecture)
        assert not same(averaged.state_dict(), model.architecture.state_dict())
        for path in all_paths(model.mutator):
            choices = path.values()
            value = score_by_hand(
                averaged, choices, data.inputs, evaluated.inputs, evaluated.labels
            )
            wanted[name_of(path)] = value

    dataloader = loader(noise=False, batch_size=5)
    dataloader['dataset']['num'] = 12
    hook = select(every, dataloader=dataloader if own_data else None)[0]
    runner = runner_of(
        tmp_path,
        [Keep('before_train_epoch', compute, 0), hook, ema],
        request.getfixturevalue('wrap')(model) if wrapped else model,
    )
    whole = loader(noise=False, batch_size=16)
    runner.cfg = Config(dict(train_dataloader=whole))
    runner.train()

    (scores,) = every.scores
    assert len(scores) == 4 and scores == pytest.approx(wanted, abs=1e-6)
    best = max(wanted, key=wanted.get)
    assert name_of(model.mutator.fixed) == best
    assert (model.state_dict()['mutator._fixed'] >= 0).all()
    for i, chosen in enumerate(best.split('-')):
        for name in ('tanh', 'sine'):
            key = f'architecture.blocks.{i}._candidates.{name}.layer.linear.weight'
            kept = torch.equal(model.state_dict()[key], before[key])
            assert kept == (name != chosen)


def trained(folder, hooks, **kwargs):
    runner = runner_of(folder, hooks, max_epochs=3, **kwargs)
    runner.train()
    draws = [random.random(), np.random.rand(), torch.rand(()).item()]
    return runner, draws


def test_training_goes_on_as_if_nothing_had_happened(tmp_path):
    """When the argmax is chosen; whatever modes the model was in."""
    plain, draws = trained(tmp_path / 'without', [])
    model, modes = search_of(), []

    def mix_and_note(runner):
        batch_norms(model.train())[0].eval()
        note(runner)

    def note(runner):
        modes.append([module.training for module in model.modules()])

    every = Every(plain.model.mutator.derive_child())
    hooks = [
        # Of equal priority: as they stand.
        Keep('before_train_epoch', mix_and_note, 0),
        select(every)[0],
        Keep('before_train_epoch', note, 0),
    ]
    runner, other = trained(tmp_path / 'with', hooks, model=model)
    assert len(every.scores) == 1 and len(set(every.scores[0].values())) == 4
    assert draws == other
    assert same(state_of(plain), state_of(runner))
    assert modes[::2] == modes[1::2] and {*modes[-1]} == {True, False}


def test_fixed_groups_stay_and_limits_hold(tmp_path):
    model, every = uniform_search(), Every()
    first, second = model.mutator.free
    model.mutator.fix({second: 'sine'})
    model.cost_term.allows = lambda path: path[first] != 'sine'
    runner_of(tmp_path, select(every), model).train()
    (space,) = every.spaces
    assert space.choices == {first: ['tanh', 'sine'], second: ['sine']}
    assert {space.draw()[first] for _ in range(20)} == {'tanh'}


@pytest.mark.parametrize('num_paths', [1, 40])
def test_an_interrupted_run_selects_the_same(tmp_path, num_paths):
    """From the checkpoint before; from a later one it selects nothing."""
    ends, selected = {}, []

    def run(name, resume=None):
        folder = tmp_path / name
        folder.mkdir()
        strategy = dict(type='RandomSelection', num_paths=num_paths)
        hook, exact = select(strategy)
        choose = hook._select
        hook._select = lambda runner: selected.append(name) or choose(runner)
        options = {}
        if resume is not None:
            source = tmp_path / 'whole' / 'work' / f'epoch_{resume}.pth'
            options = dict(resume=True, load_from=str(shutil.copy(source, folder)))
        runner = runner_of(folder, [hook, exact], uniform_search(), 4, **options)
        runner.train()
        ends[name] = state_of(runner)

    run('whole')
    run('before', 2)
    run('after', 3)
    assert selected == ['whole', 'before']
    assert same(ends['whole'], ends['before']) and same(ends['whole'], ends['after'])


def test_the_log_and_what_is_left(tmp_path):
    model = uniform_search()
    hooks = [*select(dict(type='EvolutionSelection')), dict(type='ExportChildHook')]
    runner_of(tmp_path, hooks, model, log_level='INFO').train()
    (log,) = tmp_path.glob('work/*/*.log')
    text = log.read_text()
    assert 'Measured 4 of at most 4 paths, the best has 0.' in text
    a, b = model.mutator.fixed.values()
    assert f'Selected: 0 {a}, 1 {b}' in text
    assert 'The search is done.' in text and 'not finish' not in text
    child = torch.load(tmp_path / 'work' / 'subnet.pth', weights_only=True)
    assert list(child['meta']['subnet'].values()) == [a, b]


def test_a_trained_alpha_does_not_weigh(tmp_path):
    """An arbitrary path is drawn uniformly, by the seed alone."""
    found = []
    for seed in range(6):
        model = uniform_search()
        set_alpha(model.mutator, [30.0, 0.0], [30.0, 0.0])
        runner_of(
            tmp_path / str(seed),
            select(dict(type='RandomSelection')),
            model,
            randomness=dict(seed=seed),
        ).train()
        found.append(name_of(model.mutator.fixed))
    assert len(set(found)) > 2


def test_a_finetune_stage_is_needed(tmp_path):
    runner = runner_of(tmp_path, select(), uniform_search(), max_epochs=2)
    message = 'model.finetune_epochs must be below train_cfg.max_epochs, which is 2,'
    with pytest.raises(ConfigError, match=message):
        runner.train()


def test_data_to_compare_on_are_needed(tmp_path):
    no_val = dict(val_dataloader=None, val_evaluator=None, val_cfg=None)
    hooks = select(dataloader=loader(noise=False))
    runner = runner_of(tmp_path, hooks, uniform_search(), **no_val)
    with pytest.raises(ConfigError, match='must have a dataloader and an evaluator'):
        runner.train()
    every = Every()
    own = dict(dataloader=loader(noise=False), evaluator=dict(type='MeanScore'))
    hooks = select(every, **own)
    runner_of(tmp_path / 'own', hooks, uniform_search(), **no_val).train()
    assert len(every.scores[0]) == 4


def test_the_metric_is_a_number_of_the_evaluator(tmp_path):
    hook = SelectChildHook(Every(), metric='toy/text')
    runner = runner_of(tmp_path, [hook], uniform_search())
    message = r"^metric of SelectChildHook .*\(toy/score\), but is 'toy/text'\.$"
    with pytest.raises(ConfigError, match=message):
        runner.train()
