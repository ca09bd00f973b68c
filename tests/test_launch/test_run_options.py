"""Options of mmengine and mmcls: each has its effect, or is refused by name."""

import pytest
import torch
from mmcls.models import Mixup
from mmcls.registry import BATCH_AUGMENTS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdsnas import load_child
from mmdsnas.errors import ConfigError
from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.runs import test as evaluate
from mmdsnas.registry import HOOKS, RUNNERS
from tests.small_search import CLASSES, config_of, run

AUGMENTS = 'model__architecture__train_cfg'
HEAD = 'model__architecture__head__'
STEP = dict(type='MultiStepLR', milestones=[1])
PLATEAU = dict(
    type='ReduceOnPlateauLR',
    monitor='accuracy/top1',
    threshold=1e3,
    rule='greater',
    patience=0,
)


@BATCH_AUGMENTS.register_module(force=True)
class CountedMixup(Mixup):
    """Knows how often it was called."""

    calls = 0

    def mix(self, *args):
        CountedMixup.calls += 1
        return super().mix(*args)


MIX = dict(type='CountedMixup', alpha=1.0)


@RUNNERS.register_module(force=True)
class OwnRunner(Runner):
    """A runner of a user."""


@HOOKS.register_module(force=True)
class HoldsWhatIsMixed(Hook):
    """How many batches were mixed when each epoch had been trained."""

    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        # What was tried before counts for nothing.
        CountedMixup.calls = 0

    def after_train_epoch(self, runner) -> None:
        runner.mixed = [*getattr(runner, 'mixed', []), CountedMixup.calls]


@pytest.fixture(autouse=True)
def _uncounted():
    CountedMixup.calls = 0


def rates(runner):
    wrappers = runner.optim_wrapper
    return [wrappers[k].get_lr()['lr'][0] for k in ('architecture', 'mutator')]


def saved(runner):
    return {path.name for path in runner.work_path.glob('*.pth')} - {'subnet.pth'}


def top1(runner):
    return len(runner.message_hub.get_scalar('val/accuracy/top1')._log_history)


def weight_decays(runner):
    groups = runner.optim_wrapper['architecture'].param_groups
    return sorted({group['weight_decay'] for group in groups})


MY_CHECKPOINTS = dict(
    type='CheckpointHook', interval=1, max_keep_ckpts=1, filename_tmpl='my_{}.pth'
)
# By what is given: what can be seen of it after 3 epochs of 2 steps.
HONOURED = [
    # Batches are mixed in training alone, and once where a step has two passes.
    (
        {AUGMENTS: dict(augments=[MIX])},
        lambda runner: (runner.mixed, CountedMixup.calls),
        ([2, 4, 6], 6),
    ),
    (
        {
            'data_preprocessor__batch_augments': dict(augments=MIX, probs=1.0),
            'model__gradient_estimator': dict(type='PairedGradient'),
        },
        lambda runner: runner.mixed,
        [2, 4, 6],
    ),
    (
        {
            AUGMENTS: dict(augments=[dict(type='CutMix', alpha=1.0), MIX]),
            f'{HEAD}loss': dict(_delete_=True, type='SmoothCrossEntropy'),
            'model__gradient_estimator': dict(type='PairedGradient'),
        },
        lambda runner: len(runner.model.data_preprocessor.batch_augments.augments),
        2,
    ),
    # One schedule, or a list, is that of both optimizers, as in mmengine.
    (dict(param_scheduler=STEP), rates, [0.01, 0.01]),
    (dict(param_scheduler=[STEP]), rates, [0.01, 0.01]),
    (dict(param_scheduler=None), rates, [0.1, 0.1]),
    (dict(param_scheduler=dict(architecture=STEP)), rates, [0.01, 0.1]),
    (
        dict(param_scheduler=dict(mutator=[STEP], architecture=None)),
        rates,
        [0.1, 0.01],
    ),
    (
        dict(param_scheduler=dict(architecture=PLATEAU)),
        lambda runner: rates(runner)[0] < 0.1,
        True,
    ),
    # The Runner's other options
    (dict(runner_type='OwnRunner'), type, OwnRunner),
    (dict(train_cfg__val_begin=3), top1, 1),
    (dict(train_cfg__val_interval=9, train_cfg__dynamic_intervals=[(2, 1)]), top1, 3),
    (dict(val_cfg=dict(fp16=True)), lambda runner: runner.val_loop.fp16, True),
    (
        dict(auto_scale_lr=dict(enable=True, base_batch_size=16)),
        rates,
        [0.05, 0.1],
    ),
    (
        {
            'optim_wrapper__architecture__optimizer__weight_decay': 0.5,
            'optim_wrapper__architecture__paramwise_cfg': dict(norm_decay_mult=0.0),
        },
        weight_decays,
        [0.0, 0.5],
    ),
    (dict(default_hooks__checkpoint=MY_CHECKPOINTS), saved, {'my_3.pth'}),
    (dict(randomness=dict(seed=7)), lambda runner: runner.seed, 7),
]


@pytest.mark.parametrize('options, see, expected', HONOURED)
def test_an_option_has_its_effect(tmp_path, options, see, expected):
    config = config_of(tmp_path / 'run', **options)
    config.custom_hooks = [*config.custom_hooks, dict(type='HoldsWhatIsMixed')]
    runner = run(config)
    runner.work_path = tmp_path / 'run'
    found = see(runner)
    assert found == (pytest.approx(expected) if see is rates else expected)


def test_two_data_preprocessors_are_refused(tmp_path):
    """But not the same one twice."""
    own = dict(mean=[1.0] * 3, std=[1.0] * 3)
    options = dict(model__architecture__data_preprocessor=own, train_cfg__max_epochs=0)
    with pytest.raises(ConfigError, match='data_preprocessor must be given once'):
        run(config_of(tmp_path / 'two', **options))
    runner = run(config_of(tmp_path / 'one', data_preprocessor=own, **options))
    assert runner.model.data_preprocessor.mean.flatten().tolist() == [1.0] * 3


def test_a_child_knows_nothing_of_how_batches_were_mixed(tmp_path):
    """What registers their classes need not be there for it."""
    config = config_of(tmp_path / 'run', **{AUGMENTS: dict(augments=[MIX])})
    run(config)
    BATCH_AUGMENTS.module_dict.pop('CountedMixup')
    try:
        child = load_child(tmp_path / 'run')
    finally:
        BATCH_AUGMENTS.register_module(module=CountedMixup)
    assert child.data_preprocessor.batch_augments is None
    calls = CountedMixup.calls
    metrics = evaluate(config, tmp_path / 'run' / 'epoch_3.pth')
    assert 'accuracy/top1' in metrics and CountedMixup.calls == calls


@pytest.mark.parametrize('place', ['data_preprocessor', 'model.architecture'])
def test_classes_of_mixed_labels_are_those_of_the_head(tmp_path, place):
    option = 'batch_augments' if place == 'data_preprocessor' else 'train_cfg'
    config = config_of(tmp_path, **{f'{place}.{option}': dict(augments=[MIX])})
    assert load_config(config).data_preprocessor.num_classes == CLASSES
    config.data_preprocessor.num_classes = 9
    assert load_config(config).data_preprocessor.num_classes == 9
    assert 'num_classes' not in load_config(config_of(tmp_path)).data_preprocessor


def test_labels_are_mixed_without_a_data_preprocessor(tmp_path):
    config = config_of(tmp_path, **{AUGMENTS: dict(augments=[MIX])})
    config.pop('data_preprocessor')
    fitted = load_config(config).model.architecture.data_preprocessor
    assert fitted == dict(num_classes=CLASSES)
    run(config)
    assert CountedMixup.calls


def test_a_runner_of_ones_own_tests_as_well(tmp_path):
    seen = []

    @RUNNERS.register_module(force=True)
    class Testing(Runner):
        def test(self):
            seen.append(self.cfg.runner_type)
            return super().test()

    run(config_of(tmp_path, train_cfg__max_epochs=1))
    config = config_of(tmp_path, runner_type='Testing')
    evaluate(config, tmp_path / 'epoch_1.pth')
    assert seen == ['Testing']


@pytest.mark.slow
def test_what_was_compiled_is_the_search_alone(tmp_path, monkeypatch):
    """The plan is timed on a copy, whose steps must not be those of the search."""
    steps = []

    def compiled(function, **options):
        assert options == dict(mode='max-autotune')
        return lambda *args, **kwargs: steps.append(1) or function(*args, **kwargs)

    monkeypatch.setattr(torch, 'compile', compiled)
    states = []
    for options in ({}, dict(compile=dict(mode='max-autotune'))):
        config = config_of(tmp_path / str(len(states)), **options)
        config.default_hooks.search_plan = dict(type='SearchPlanHook')
        states.append(run(config).model.state_dict())
    assert len(steps) == 6
    assert all(map(torch.equal, states[0].values(), states[1].values()))


@pytest.mark.parametrize(
    'name, value, near',
    [
        ('parm_scheduler', STEP, 'param_scheduler'),
        ('hooks', [dict(type='ReportHook')], 'custom_hooks'),
        ('complie', True, 'compile'),
        # What other options may be made of
        ('hooks', [dict(type='ExactResumeHook')], None),
        ('schedule', STEP, None),
        ('max_epochs', 3, None),
        ('train_pipeline', [dict(type='LoadImageFromFile')], None),
    ],
)
def test_what_looks_like_a_misspelt_option_is_told(tmp_path, capsys, name, value, near):
    load_config(config_of(tmp_path, **{name: value}))
    _, told = capsys.readouterr()
    assert (f'{name!r}' in told and f'{near!r}' in told) == bool(near)
    assert bool(told) == bool(near)
