"""Mistakes in a config: one sentence that names the part, and no trace of the run."""

import pytest
import torch
from mmengine.config import Config, DictAction

from mmdsnas.errors import ConfigError, UserError
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.registry import HOOKS
from mmdsnas.utils.paths import config_root
from tests.small_search import config_of, run
from tests.test_tools.conftest import DIGITS, SHORT

AUGMENTS = 'model__architecture__train_cfg'
HEAD = 'model__architecture__head__'
ALPHA = 'optim_wrapper__mutator__'
WEIGHTS = 'optim_wrapper__architecture__'
CHECKPOINT = 'default_hooks__checkpoint'
STAGES = dict(type='SearchStageHook')
STEP = dict(type='MultiStepLR', milestones=[1])
BEST = dict(save_best='auto', rule='more')
ACCURACY = dict(type='mmcls.Accuracy', topk=1)
MIX = dict(type='Mixup', alpha=1.0)
NO_DATA = dict(_delete_=True, type='mmcls.CustomDataset', data_prefix='/none')


def hooks(**hook):
    return dict(custom_hooks=[STAGES, hook])


# Options, and words of the sentence; a ``__`` in a name is a dot.
REFUSED = [
    # Values
    (dict(model__mutator__init_std='a'), ['model.mutator', 'init_std', "'a'"]),
    (dict(model__cost=dict(limit=float('nan'))), ['model', 'cost.limit', 'nan']),
    (dict(train_dataloader__dataset=3), ['train_dataloader.dataset', '3']),
    (dict(optim_wrapper__amp=dict(dtype='int8')), ['optim_wrapper', 'dtype', 'int8']),
    ({f'{WEIGHTS}paramwise_cfg': dict(norm_decay_mult='x')}, ['optim_wrapper']),
    ({f'{HEAD}type': 'BiasFreeClsHead', f'{HEAD}dropout': 2}, ['head', 'dropout', '2']),
    (hooks(type='EMAHook', momentum=1), ['momentum', '1']),
    (hooks(type='ReportHook', interval=-1), ['custom_hooks.1', 'interval', '-1']),
    ({CHECKPOINT: dict(type='CheckpointHook', **BEST)}, ['checkpoint', 'more']),
    (dict(train_dataloader__batch_size=2.5), ['train_dataloader.batch_size', '2.5']),
    (dict(val_dataloader__num_workers=-1), ['val_dataloader.num_workers', '-1']),
    (dict(train_cfg__max_epochs='three'), ['train_cfg.max_epochs', 'three']),
    (dict(train_cfg__val_interval=0), ['train_cfg.val_interval', '0']),
    ({f'{WEIGHTS}optimizer__lr': 'abc'}, [f'{WEIGHTS}optimizer']),
    ({f'{ALPHA}accumulative_counts': 0}, ['accumulative_counts']),
    (dict(compile='yes'), ['compile', 'yes']),
    (dict(log_level='LOUD'), ['log_level', 'LOUD']),
    (dict(auto_scale_lr=5), ['auto_scale_lr', '5']),
    (dict(own_images=dict(epochs=1)), ['own_images', 'epochs', '1']),
    (dict(activation_checkpointing=['none']), ['none']),
    *[
        (dict(env_cfg=dict(dist_cfg=dict(timeout=t))), ['env_cfg.dist_cfg.timeout'])
        for t in (0, 'long', None, float('inf'))
    ],
    # Options that there are not
    (dict(model__mutator__init_men=1), ['model.mutator', 'init_men', 'init_mean']),
    (dict(model__cost=dict(limits=1)), ['model', 'limits']),
    ({f'{HEAD}drop': 1}, ['drop']),
    (dict(train_dataloader__bath_size=1), ['train_dataloader', 'bath_size']),
    (dict(train_dataloader__dataset__numbr=1), ['train_dataloader.dataset', 'number']),
    (dict(train_dataloader__sampler__shufle=1), ['sampler', 'shufle', 'shuffle']),
    (dict(val_evaluator__tops=1), ['val_evaluator', 'tops', 'topk']),
    (dict(train_cfg__max_epoch=3), ['train_cfg', 'max_epoch']),
    (dict(default_hooks__logger__intervall=3), ['default_hooks.logger', "'interval'"]),
    ({f'{WEIGHTS}optimizer__lrr': 1}, [f'{WEIGHTS}optimizer', 'SGD', "'lr'"]),
    ({f'{WEIGHTS}constructor': 'x'}, ['optim_wrapper', 'constructor']),
    (dict(optim_wrapper__amp=dict(enabled=False)), ['optim_wrapper', 'enabled']),
    (hooks(type='ExactResumeHook', x=1), ['custom_hooks.1', 'ExactResumeHook', 'x']),
    (hooks(type='EMAHook', momentm=0.1), ['momentm']),
    ({CHECKPOINT: dict(type='AtomicCheckpointHook', keep=2)}, ['checkpoint', 'keep']),
    ({CHECKPOINT: dict(type='CheckpointHook', keep=3)}, ['checkpoint', 'keep']),
    (dict(compile=dict(backnd='eager')), ['compile', 'backnd']),
    (dict(randomness=dict(sed=3)), ['randomness', 'sed']),
    (dict(param_scheduler=dict(weights=STEP)), ['param_scheduler', 'weights']),
    (dict(own_images=dict(epoch=3)), ['own_images', 'epoch', 'epochs']),
    # Classes that there are not
    (dict(model__type='DSNA'), ['model.type', 'DSNA', 'DSNAS']),
    ({f'{HEAD}type': 'mmcls.LinearClsHed'}, ['head.type', 'mmcls.LinearClsHead']),
    (dict(param_scheduler=dict(type='StepRL')), ['param_scheduler.type', 'StepLR']),
    (dict(visualizer=dict(type='Visualizr')), ['visualizer.type', 'Visualizer']),
    (dict(optim_wrapper__constructor='x'), ['optim_wrapper', 'constructor', 'x']),
    (hooks(type='.x'), ['custom_hooks.1']),
    (hooks(type='EMAHook', ema_type='SWA'), ['SWA']),
    (dict(default_scope='mmdsna'), ['model.type', 'DSNAS']),
    (dict(runner_type='FlexibleRunner'), ['runner_type', 'Runner']),
    (dict(runner_type='OwnRuner'), ['runner_type', 'OwnRuner', 'Runner']),
    # What is missing, or something else altogether
    (dict(model=None), ['model', 'None']),
    (dict(model__architecture=None), ['model', 'architecture', 'None']),
    ({HEAD[:-2]: 3}, ['model.architecture']),
    (dict(model__architecture__type='torch.optim.SGD'), ['model.architecture', 'SGD']),
    (dict(model__mutator__type='mmrazor.NasMutator'), ['mutator', 'NasMutator']),
    (dict(custom_hooks=3), ['custom_hooks', '3']),
    (dict(custom_hooks=[STAGES, dict()]), ['type']),
    (dict(custom_hooks=[STAGES, 3]), ['hook', '3']),
    (dict(default_hooks__search_stage=None), ['search_stage', 'SearchStageHook']),
    (dict(optim_wrapper=3), ['optim_wrapper', '3']),
    (dict(optim_wrapper__mutator=3), ['optim_wrapper']),
    (dict(param_scheduler=[dict(type='StepLR')]), ['param_scheduler.0', 'step_size']),
    (dict(model_wrapper_cfg='x'), ['model_wrapper_cfg', 'x']),
    (dict(train_dataloader__dataset=NO_DATA), ['train_dataloader.dataset: ', 'none']),
    (dict(data_root='a', train_dataloader=4), ['train_dataloader', '4']),
    # What does not fit together, or would be ignored
    (dict(model__pretrain_epochs=5), ['model', 'pretrain_epochs is 5']),
    (dict(model__mutator__fix_threshold=2), ['model.mutator', 'fix_threshold', '2']),
    (dict(model__mutator__custom_groups=[[]]), ['custom_groups', 'length']),
    ({f'{ALPHA}accumulative_counts': 2}, ['optim_wrapper', 'accumulative_counts']),
    ({f'{ALPHA}type': 'AmpOptimWrapper'}, ['optim_wrapper.mutator', 'Amp']),
    ({f'{ALPHA}paramwise_cfg': dict(bias_decay_mult=0.0)}, ['optim_wrapper']),
    (dict(val_cfg=None), ['val_cfg', 'val_evaluator']),
    (dict(optim_wrapper=None), ['optim_wrapper', 'train_cfg']),
    (dict(strategy=dict(type='DDPStrategy')), ['strategy', 'DDPStrategy']),
    (dict(efficient_conv_bn_eval=['architecture']), ['efficient_conv_bn_eval']),
    (
        dict(model_wrapper_cfg=dict(), find_unused_parameters=True),
        ['find_unused_parameters', 'model_wrapper_cfg'],
    ),
    # Batch augments
    (
        {AUGMENTS: dict(augments=[MIX]), f'{HEAD}cal_acc': True},
        ['model.architecture.head.cal_acc', 'train_cfg'],
    ),
    ({AUGMENTS: dict(augments=[dict(type='Mixin')])}, [AUGMENTS, 'Mixin']),
    ({AUGMENTS: dict(augments=[dict(type='Mixup', alpha=1)])}, [AUGMENTS]),
    ({AUGMENTS: dict(augments=[MIX], probs=[0.5, 0.6])}, ['model', 'probs']),
    (
        {
            AUGMENTS: dict(augments=[MIX]),
            'data_preprocessor__batch_augments': dict(augments=[MIX]),
        },
        [AUGMENTS, 'data_preprocessor.batch_augments'],
    ),
]


@pytest.mark.parametrize('options, words', REFUSED)
def test_a_mistake_is_a_sentence_and_leaves_nothing(tmp_path, options, words):
    with pytest.raises(UserError) as error:
        run(config_of(tmp_path / 'run', **options))
    said = str(error.value)
    assert '\n' not in said and len(said) < 400
    for word in words:
        assert word.replace('__', '.') in said
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    'names, told',
    [
        (['backbone.a', 'head.b', 'head.c'], "('backbone.', 'head.')"),
        (['a.x', 'b.x', 'c.x', 'd.x', 'e'], "('a.', 'b.', 'c.' and 2 more)"),
        ([], '(it has none)'),
    ],
)
@pytest.mark.parametrize('nested', [True, False])
def test_a_prefix_that_no_weight_has(tmp_path, names, told, nested):
    weights, file = {name: torch.zeros(1) for name in names}, tmp_path / 'x.pth'
    torch.save(dict(state_dict=weights) if nested else weights, file)
    init_cfg = dict(type='Pretrained', checkpoint=str(file), prefix='backbon')
    with pytest.raises(ConfigError) as raised:
        run(config_of(tmp_path / 'run', model__architecture__init_cfg=init_cfg))
    assert str(raised.value) == (
        f'init_cfg.prefix must be None or what names in {file} begin with {told}, but '
        "is 'backbon.'."
    )


@HOOKS.register_module(force=True)
class OwnStages(HOOKS.get('SearchStageHook')):
    """A hook of a user, with options of its own."""

    def __init__(self, head, rate=1):
        pass


@pytest.mark.parametrize(
    'options',
    [
        dict(my_own_variable=3),
        dict(custom_hooks=[dict(STAGES, priority='LOW')], model___scope_='mmdsnas'),
        {f'{WEIGHTS}clip_grad': dict(max_norm=5)},
        dict(optim_wrapper__amp=dict(dtype='bfloat16')),
        dict(val_evaluator=[ACCURACY]),
        dict(val_evaluator=dict(metrics=[ACCURACY], _delete_=True)),
        dict(val_cfg=None, val_dataloader=None, val_evaluator=None),
        {f'{ALPHA}optimizer__type': 'torch.optim.AdamW'},
        dict(default_hooks__timer=None),
        hooks(type='EMAHook', momentum=0.1),
        hooks(type='EMAHook', ema_type='MomentumAnnealingEMA', gamma=9),
        dict(param_scheduler=[]),
        dict(custom_hooks=[dict(type='OwnStages', head=dict(type='of its own'))]),
        dict(custom_hooks=[dict(type=OwnStages, head=1, rate='x')]),
        dict(default_hooks__stages=STAGES, custom_hooks=[]),
    ],
)
def test_what_others_read_is_allowed(tmp_path, options):
    run(config_of(tmp_path, train_cfg__max_epochs=0, **options))


@pytest.mark.parametrize('name', sorted(p.stem for p in config_root().glob('*/*.py')))
def test_the_options_of_every_config_are_right(name):
    config = load_config(name, num_classes=3, input_size=64)
    assert config.model


def test_short_options_are_right():
    options = dict(option.split('=', 1) for option in SHORT)
    parsed = {k: DictAction._parse_iterable(v) for k, v in options.items()}
    load_config(DIGITS, parsed)


def candidate(name, **options):
    """A block with one candidate, and no more."""
    sizes = dict(in_channels=8, out_channels=8, stride=1)
    candidates = {name: dict(type='OfficialShuffleBlock', **options)}
    block = dict(type='OneHotMutableOP', module_kwargs=sizes, candidates=candidates)
    return Config(dict(model=block))


@pytest.mark.parametrize('name', ['a.b', '', 'keys', 'forward'])
def test_candidates_have_names_that_torch_takes(name):
    with pytest.raises(UserError, match='candidates') as error:
        build_model(candidate(name))
    assert repr(name) in str(error.value)


@pytest.mark.parametrize('name', ['class', '{}', "it's", 'a/b\n', '日本'])
def test_candidates_have_any_other_names(name):
    assert list(build_model(candidate(name, kernel_size=3))._candidates) == [name]
    with pytest.raises(UserError, match='kernel_size') as error:
        build_model(candidate(name, kernel_size='x'))
    assert repr(name) in str(error.value)
