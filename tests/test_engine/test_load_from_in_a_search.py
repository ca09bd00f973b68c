"""A search that begins with the weights of another one, or of a network."""

import pytest
import torch
from mmengine.hooks import EMAHook

from tests.toy_run import Keep, runner_of, same, search_of, state_of

SEARCHED = ('mutator.', 'cost_term.', 'gradient_estimator.')


@pytest.fixture(scope='module', params=[[], [dict(type='EMAHook', momentum=0.3)]])
def finished(request, tmp_path_factory):
    """Folder of a search with a limit, from pretraining to the finetune stage."""
    folder = tmp_path_factory.mktemp('finished')
    hooks = [dict(type='RecordSubnetHook'), dict(type='ExportChildHook')]
    hook = dict(type='AtomicCheckpointHook', interval=1)
    run(folder, [*hooks, *request.param], default_hooks=dict(checkpoint=hook))
    return folder / 'work'


def limited():
    """A search with what a search keeps besides alpha."""
    return search_of(
        cost=dict(limit=1.0), gradient_estimator=dict(type='ScoreFunctionGradient')
    )


def run(folder, hooks=(), **kwargs):
    """Runs a search; returns the model's state and its groups' before an epoch."""
    seen = []

    def keep(runner):
        seen.append((state_of(runner), dict(runner.model.mutator.fixed)))

    hooks = [*hooks, dict(type='LoadFromHook'), Keep('before_train', keep, 99)]
    runner_of(folder, hooks, limited(), **kwargs).train()
    return seen[0]


def log_of(folder):
    (log,) = folder.glob('work/*/*.log')
    return log.read_text()


@pytest.mark.parametrize('ema', [False, True])
@pytest.mark.parametrize('file', ['epoch_2.pth', 'epoch_3.pth'])
def test_a_second_search_begins_anew(finished, tmp_path, file, ema):
    saved = torch.load(finished / file, weights_only=True)['state_dict']
    assert (saved['mutator._fixed'] >= 0).all() == (file == 'epoch_3.pth')
    assert saved['cost_term.multipliers.steps'] > 0
    hooks, fixed = [dict(type='EMAHook')] if ema else [], []
    first = Keep('after_train_epoch', lambda r: fixed.append(averaged(r)), 99)
    options = dict(load_from=str(finished / file), max_epochs=1)
    begun, free = run(tmp_path, [*hooks, first], **options)
    # All weights of the architecture fit, and of the others nothing is said.
    assert 'begins anew' not in log_of(tmp_path)
    fresh = runner_of(tmp_path, model=limited()).model.state_dict()
    assert free == {} and fixed[0] == [-1, -1]
    for name, value in begun.items():
        if name.startswith('mutator._arch_params'):
            assert not torch.equal(value, saved[name])
        else:
            wanted = fresh if name.startswith(SEARCHED) else saved
            # The estimator's baseline is NaN until it has one.
            assert same(value.nan_to_num(), wanted[name].nan_to_num()), name


def averaged(runner):
    """What is fixed in the averaged model; without one, in the model."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    model = hooks[0].ema_model.module if hooks else runner.model
    return model.mutator._fixed.tolist()


def test_a_resumed_search_keeps_all(finished, tmp_path):
    path = finished / 'epoch_3.pth'
    saved = torch.load(path, weights_only=True)
    ema = saved.get('ema_state_dict', {})
    hooks = [dict(type='EMAHook')] if ema else []
    begun, fixed = run(tmp_path, hooks, load_from=str(path), resume=True, max_epochs=4)
    assert len(fixed) == 2
    for name, value in begun.items():
        assert same(value, ema.get(f'module.{name}', saved['state_dict'][name])), name


def test_a_test_takes_what_is_fixed(finished, tmp_path):
    hooks = [dict(type='LoadFromHook')]
    path = finished / 'epoch_3.pth'
    runner = runner_of(tmp_path, hooks, limited(), load_from=str(path))
    runner.val()
    saved = torch.load(path, weights_only=True)['state_dict']
    assert same(state_of(runner), {name: saved[name] for name in state_of(runner)})


def without_head(weights):
    return {n: w for n, w in weights.items() if 'head' not in n}


@pytest.mark.parametrize(
    'change, told',
    [
        (lambda w: without_head(w), ['head.weight is missing', 'head.bias is missing']),
        (
            lambda w: {**w, 'neck.weight': torch.zeros(1)},
            ['architecture.neck.weight is left over'],
        ),
        (lambda w: {f'module.{n}': value for n, value in w.items()}, []),
        (lambda w: {f'architecture.{n}': value for n, value in w.items()}, []),
    ],
)
def test_weights_of_a_network_alone(tmp_path, change, told):
    """As those of a classifier: a search on what it has, and what it lacks is told."""
    lost = {f'architecture.{t.split()[0]}' for t in told if 'missing' in t}
    assert begun_on(tmp_path, change) == lost
    (line,) = [t for t in log_of(tmp_path).splitlines() if 'begins anew' in t]
    assert all(part in line for part in told) and ('WARNING' in line) == bool(told)


def test_a_head_of_other_classes(tmp_path):
    lost = begun_on(tmp_path, lambda w: {**w, 'head.weight': torch.zeros(9, 6)})
    assert lost == {'architecture.head.weight', 'architecture.head.bias'}
    log = log_of(tmp_path)
    assert 'The head is made anew: the checkpoint has 9 classes, the model 3' in log
    (line,) = [t for t in log.splitlines() if 'begins anew' in t]
    assert 'INFO' in line and 'does not fit' not in line


def begun_on(folder, change):
    """Runs a search on a network's weights, all 0.5; which of its own are not."""
    weights = limited().architecture.state_dict()
    given = change({n: torch.full_like(w, 0.5) for n, w in weights.items()})
    torch.save(dict(state_dict=given), folder / 'network.pth')
    # An averaged model that takes all or nothing gets what the model gets.
    begun, _ = run(
        folder,
        [dict(type='EMAHook', strict_load=True)],
        load_from=str(folder / 'network.pth'),
        log_level='INFO',
        max_epochs=1,
    )
    halves = {n for n, w in begun.items() if w.is_floating_point() and (w == 0.5).all()}
    floating = {n for n, w in weights.items() if w.is_floating_point()}
    return {f'architecture.{n}' for n in floating} - halves


def test_a_child_lends_its_weights(finished, tmp_path):
    """``subnet.pth``, which has one candidate of each block."""
    child = torch.load(finished / 'subnet.pth', weights_only=True)['state_dict']
    begun, fixed = run(tmp_path, load_from=str(finished / 'subnet.pth'), max_epochs=1)
    assert fixed == {} and len(child) < len(begun)
    for name, value in child.items():
        assert same(begun[f'architecture.{name}'], value), name


def test_blocks_that_are_fixed_from_elsewhere_are_told(tmp_path):
    """As by the ``init_cfg`` of a model, which loads all of a checkpoint."""
    model = limited()
    name = model.mutator.free[0]
    model.mutator.fix({name: model.mutator.choices(name)[0]})
    plan = dict(type='SearchPlanHook', time_steps=False)
    runner_of(tmp_path, [plan], model=model, max_epochs=1).train()
    assert '1 of 2 choices are fixed' in log_of(tmp_path)
