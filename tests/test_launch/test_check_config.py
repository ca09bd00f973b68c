import copy
import re

import pytest
import torch.nn as nn
from mmengine.config import Config, DictAction
from mmengine.hooks import Hook

from mmdsnas.errors import ConfigError
from mmdsnas.launch.check_config import check_config
from mmdsnas.launch.run_config import load_config
from mmdsnas.registry import HOOKS, MODELS
from mmdsnas.utils.paths import config_root, find_config
from tests.test_tools.conftest import DIGITS, SHORT

SEARCH = 'dsnas_official-supernet_8xb128_in1k'
CHILD = 'dsnas_subnet_1xb64_digits'
SPOS = 'spos_supernet_1xb128_fashion-mnist'
BLOCK = dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=3)
LOADED = {
    name: Config.fromfile(str(find_config(name)))
    for name in (DIGITS, SEARCH, CHILD, SPOS)
}
STAGES = dict(type='SearchStageHook')
CONFIGS = sorted(path.stem for path in config_root().glob('*/*.py'))


def mistakes(name, **options):
    """What is said of a config with some options, whose dots are ``__``."""
    config = copy.deepcopy(LOADED[name])
    config.merge_from_dict({k.replace('__', '.'): v for k, v in options.items()})
    before = repr(config.to_dict())
    try:
        check_config(config)
    except ConfigError as error:
        return str(error)
    finally:
        assert repr(config.to_dict()) == before
    return None


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_is_right(name):
    assert len(CONFIGS) >= 16
    check_config(Config.fromfile(str(find_config(name))))


def test_short_options_are_right():
    options = dict(option.split('=', 1) for option in SHORT)
    parsed = {k: DictAction._parse_iterable(v) for k, v in options.items()}
    load_config(DIGITS, parsed)


def test_arguments_that_the_data_loader_gives_need_not_be_set():
    alternating = dict(type='AlternatingBatchSampler')
    assert mistakes(DIGITS, train_dataloader__batch_sampler=alternating) is None
    alternating['ratio'] = 0.5
    said = mistakes(DIGITS, train_dataloader__batch_sampler=alternating)
    assert "batch_sampler (AlternatingBatchSampler) has no option 'ratio'" in said


@pytest.mark.parametrize(
    'name, options, sentence',
    [
        # Values
        (
            DIGITS,
            dict(model__mutator__init_std='a'),
            "model.mutator.init_std must be a finite number, from 0 to 100, but is 'a'",
        ),
        (
            SEARCH,
            dict(model__cost__limit=float('nan')),
            'model.cost.limit must be None or a finite number, above 0 or a dict with '
            'at least one entry whose keys are among flops, params, latency, but is '
            'nan.',
        ),
        (
            DIGITS,
            dict(default_hooks__search_log__interval=0),
            'default_hooks.search_log.interval',
        ),
        (
            DIGITS,
            dict(train_dataloader__dataset__split='val'),
            'train_dataloader.dataset.split must be None or one of train, test, but is',
        ),
        (SEARCH, dict(val_dataloader__dataset__max_corrupt=-1), 'val_dataloader.data'),
        (
            DIGITS,
            dict(optim_wrapper__amp=dict(dtype='int8')),
            'optim_wrapper.amp.dtype must be None or one of bfloat16, float16, but is',
        ),
        (
            SEARCH,
            dict(optim_wrapper__architecture__paramwise_cfg__norm_decay_mult='x'),
            'optim_wrapper.architecture.paramwise_cfg.norm_decay_mult must be',
        ),
        (SEARCH, dict(model__architecture__backbone__norm_cfg__eps=0), 'model.archi'),
        (
            SPOS,
            dict(default_hooks__select_child__strategy__mutate_prob=2),
            'default_hooks.select_child.strategy.mutate_prob must be a finite number',
        ),
        (
            SPOS,
            dict(default_hooks__select_child__strategy=None),
            'default_hooks.select_child.strategy must be a config (a dict with a type)',
        ),
        (
            SPOS,
            dict(default_hooks__select_child__evaluator='x'),
            'default_hooks.select_child.evaluator',
        ),
        (
            SPOS,
            dict(default_hooks__select_child__dataloader__dataset__split='val'),
            'default_hooks.select_child.dataloader.dataset.split must be None or one',
        ),
        # Options that there are not
        (
            SPOS,
            dict(default_hooks__select_child__dataloader__bath=1),
            'default_hooks.select_child.dataloader',
        ),
        (
            SPOS,
            dict(
                default_hooks__select_child__evaluator=[
                    dict(type='mmcls.Accuracy', tops=1)
                ]
            ),
            "default_hooks.select_child.evaluator.0 (Accuracy) has no option 'tops'",
        ),
        (
            SPOS,
            dict(default_hooks__select_child__strategy__num=1),
            'default_hooks.select_child.strategy (Evo',
        ),
        (
            DIGITS,
            dict(model__mutator__init_men=1),
            "model.mutator (DifferentiableMutator) has no option 'init_men' (nearest: "
            "'init_mean').",
        ),
        (
            SEARCH,
            dict(model__cost__limits=1),
            "model.cost has no option 'limits' (near",
        ),
        (
            DIGITS,
            dict(default_hooks__exact_resume__x=1),
            'default_hooks.exact_resume (Ex',
        ),
        (
            SEARCH,
            dict(model__architecture__head__drop=1),
            'model.architecture.head (Bi',
        ),
        (
            DIGITS,
            dict(default_hooks__logger__intervall=1),
            "default_hooks.logger (LoggerHook) has no option 'intervall' (nearest: "
            "'interval').",
        ),
        (DIGITS, dict(train_dataloader__bath_size=1), 'train_dataloader has no option'),
        (
            DIGITS,
            dict(train_cfg__max_epoch=1),
            'train_cfg (EpochBasedTrainLoop) has no',
        ),
        (
            DIGITS,
            dict(train_dataloader__dataset__pipeline__0__scal=1),
            "train_dataloader.dataset.pipeline.0 (Resize) has no option 'scal'",
        ),
        (
            CHILD,
            dict(optim_wrapper__optimizer__lrr=1),
            'optim_wrapper.optimizer (SGD) h',
        ),
        (
            DIGITS,
            dict(default_hooks__checkpoint__max_keep_ckpt=2),
            'default_hooks.checkpoint (AtomicCheckpointHook) has no option '
            "'max_keep_ckpt' (nearest: 'max_keep_ckpts').",
        ),
        (
            DIGITS,
            dict(default_hooks__checkpoint__rule='more'),
            'default_hooks.checkpoint.rule must be None or one of greater, less or',
        ),
        (
            DIGITS,
            dict(default_hooks__ema=dict(type='EMAHook', momentm=0.1)),
            "default_hooks.ema (EMAHook) has no option 'momentm' (nearest: 'momentum')",
        ),
        (
            DIGITS,
            dict(default_hooks__ema=dict(type='EMAHook', momentum=1)),
            'default_hooks.ema.momentum must be a finite number, above 0 and below 1',
        ),
        (
            DIGITS,
            dict(default_hooks__ema=dict(type='EMAHook', ema_type='SWA')),
            'default_hooks.ema.ema_type must be a class in the registry',
        ),
        (
            DIGITS,
            dict(optim_wrapper__amp=dict(enabled=False)),
            "optim_wrapper.amp has no option 'enabled'",
        ),
        # Classes that there are not
        (
            DIGITS,
            dict(model__architecture__head___scope_='a b'),
            'model.architecture.head._scope_ must be the name of a package',
        ),
        (
            DIGITS,
            dict(model__architecture=dict(_delete_=True, type='ImageClasifier')),
            'model.architecture.type must be a class in the registry',
        ),
        (
            DIGITS,
            dict(model__type='DSNA'),
            'model.type must be a class in the registry "model", but is \'DSNA\' '
            "(nearest: 'DSNAS').",
        ),
        (
            DIGITS,
            dict(model__architecture__head__type='mmcls.LinearClsHed'),
            'model.architecture.head.type must be a class in the registry "model", but '
            "is 'mmcls.LinearClsHed' (nearest: 'mmcls.LinearClsHead').",
        ),
        (
            DIGITS,
            dict(
                model__architecture__backbone__arch_setting__0__2__type='OneHotMutabl'
            ),
            'model.architecture.backbone.arch_setting.0.2.type must be a class',
        ),
        (
            DIGITS,
            dict(default_hooks__exact_resume__type='.x'),
            'default_hooks.exact_resume.type must be a class',
        ),
        (
            DIGITS,
            dict(param_scheduler__architecture__0__type='LinarLR'),
            'param_scheduler.architecture.0.type must be a class in the registry',
        ),
        (
            DIGITS,
            dict(optim_wrapper__constructor='x'),
            'optim_wrapper.constructor must',
        ),
        (
            DIGITS,
            dict(default_scope='mmdsna'),
            'default_scope must be the name of an in',
        ),
        (
            DIGITS,
            dict(model__architecture=dict(_delete_=True, type='torch.optim.SGD')),
            'model.architecture.type must be a subclass of BaseModel, but is',
        ),
        # What is missing, or something else altogether
        (DIGITS, dict(model__architecture=None), 'model.architecture must be a config'),
        (DIGITS, dict(model__architecture__head=3), 'model.architecture.head must be'),
        (
            DIGITS,
            dict(model__mutator=dict(type='mmrazor.NasMutator')),
            'model.mutator.type must be a subclass of DifferentiableMutator, but is '
            "'mmrazor.NasMutator'.",
        ),
        (DIGITS, dict(custom_hooks=3), 'custom_hooks must be a list, but is 3.'),
        (
            DIGITS,
            dict(custom_hooks=[STAGES, dict()]),
            'custom_hooks.1 must have a type, but has',
        ),
        (
            DIGITS,
            dict(optim_wrapper__mutator=3),
            'optim_wrapper.mutator must be a dict',
        ),
        # What everybody sets, in other packages
        (
            DIGITS,
            dict(train_dataloader__batch_size=2.5),
            'train_dataloader.batch_size must be a whole number, at least 1, but is',
        ),
        (DIGITS, dict(val_dataloader__num_workers=-1), 'val_dataloader.num_workers mu'),
        (DIGITS, dict(train_cfg__max_epochs='three'), 'train_cfg.max_epochs must be a'),
        (
            DIGITS,
            dict(optim_wrapper__architecture__optimizer__lr='abc'),
            'optim_wrapper.architecture.optimizer.lr must be None or a finite number',
        ),
        (
            'dsnas_subnet_1xb64_digits',
            dict(optim_wrapper__accumulative_counts=0),
            'optim_wrapper.accumulative_counts must be a whole number, at least 1',
        ),
        # What does not fit together
        (
            DIGITS,
            dict(model__pretrain_epochs=30),
            'model: the pretrain stage comes befo',
        ),
        (
            DIGITS,
            dict(optim_wrapper__mutator__accumulative_counts=2),
            'optim_wrapper.*.accumulative_counts must be the same for all optimizers',
        ),
        (
            DIGITS,
            dict(optim_wrapper__mutator__type='AmpOptimWrapper'),
            'optim_wrapper.mutator.type is AmpOptimWrapper, but',
        ),
        (
            DIGITS,
            dict(optim_wrapper__mutator__paramwise_cfg=dict(bias_decay_mult=0.0)),
            'optim_wrapper.mutator.paramwise_cfg has bias_decay_mult, so optimizer',
        ),
    ],
)
def test_one_mistake_is_one_sentence(name, options, sentence):
    said = mistakes(name, **options)
    assert said.startswith(sentence) and said.endswith('.') and '\n' not in said


def test_all_mistakes_are_told_at_once():
    said = mistakes(
        DIGITS,
        model__mutator__init_std=-1,
        model__mutator__x=1,
        model__mutator__y=1,
        model__pretrain_epochs=True,
        default_hooks__search_log__interval='1',
        train_dataloader__dataset__spilt='val',
        optim_wrapper__amp__dtype='int8',
    ).splitlines()
    assert said[0] == 'the config has 7 mistakes:'
    assert [re.match(r'  (\d)\. .*\.$', line)[1] for line in said[1:]] == list(
        '1234567'
    )


@pytest.mark.parametrize(
    'options',
    [
        dict(my_own_variable=3),
        dict(default_hooks__search_stage__priority='LOW', model___scope_='mmdsnas'),
        dict(optim_wrapper__architecture__clip_grad=dict(max_norm=5)),
        dict(optim_wrapper__amp=dict(dtype='bfloat16')),
        dict(train_cfg=dict(by_epoch=False, max_iters=3, _delete_=True)),
        dict(val_evaluator=[dict(type='mmcls.Accuracy')]),
        dict(val_evaluator=dict(metrics=[dict(type='mmcls.Accuracy')], _delete_=True)),
        dict(val_cfg=None, val_dataloader=None, val_evaluator=None),
        dict(optim_wrapper__mutator__optimizer__type='torch.optim.AdamW'),
        dict(default_hooks__timer=None),
        dict(default_scope=None),
        dict(default_hooks__ema=dict(type='mmengine.EMAHook', momentum=0.1, x=1)),
        dict(default_hooks__ema=dict(type='EMAHook', momentum=0.1, begin_epoch=2)),
        dict(
            default_hooks__ema=dict(
                type='EMAHook', ema_type='MomentumAnnealingEMA', gamma=9
            )
        ),
        dict(param_scheduler=[]),
        dict(train_dataloader___scope_='mmcls', optim_wrapper___scope_='mmcls'),
        # All of it from mmcls, whose names stand without a dot.
        dict(
            model__architecture=dict(
                _delete_=True,
                _scope_='mmcls',
                type='ImageClassifier',
                backbone=dict(type='ResNet_CIFAR', depth=18),
                head=dict(type='LinearClsHead', num_classes=3, in_channels=8),
            )
        ),
    ],
)
def test_what_others_read_is_allowed(options):
    assert mistakes(DIGITS, **options) is None


def test_classes_of_users(monkeypatch):
    class Own(Hook):
        def __init__(self, head, rate=1):
            pass

    class Net(MODELS.get('mmcls.ImageClassifier')):
        def __init__(self, **kwargs):
            pass

    monkeypatch.setitem(HOOKS.module_dict, 'Own', Own)
    monkeypatch.setitem(MODELS.module_dict, 'Net', Net)
    own = dict(type='Own', head=dict(type='of its own'), rate='x')
    assert mistakes(DIGITS, custom_hooks=[STAGES, own]) is None
    assert mistakes(DIGITS, custom_hooks=[STAGES, dict(type=Own, head=1)]) is None
    assert "no option 'rat'" in mistakes(
        DIGITS, custom_hooks=[STAGES, dict(own, rat=1)]
    )
    net = dict(type='Net', loss=dict(weight=1), x=1, stages=[dict(type='none')])
    assert mistakes(DIGITS, model__architecture=dict(net, _delete_=True)) is None
    inner = dict(type='Net', head=dict(type='BiasFreeClsHead', dropout=2))
    assert 'architecture.head.dropout must be' in mistakes(
        DIGITS, model__architecture=dict(inner, _delete_=True)
    )


def test_a_norm_layer_and_an_average_of_users(monkeypatch):
    class Norm(nn.BatchNorm2d):
        def __init__(self, num_features, groups_of=1, eps=1e-5):
            super().__init__(num_features, eps)

    class Average(MODELS.get('StochasticWeightAverage')):
        def __init__(self, model, rate=1):
            pass

    monkeypatch.setitem(MODELS.module_dict, 'Norm', Norm)
    monkeypatch.setitem(MODELS.module_dict, 'Average', Average)
    norm = dict(type='Norm', groups_of=2, _scope_='mmdsnas')
    where = 'model__architecture__backbone__norm_cfg'
    assert mistakes(SEARCH, **{where: norm}) is None
    assert 'norm_cfg.eps must' in mistakes(SEARCH, **{where: dict(norm, eps=0)})
    hook = dict(type='EMAHook', ema_type='Average', rate=2)
    assert mistakes(DIGITS, custom_hooks=[STAGES, hook]) is None
    said = mistakes(DIGITS, custom_hooks=[STAGES, dict(hook, momentum=0.1)])
    assert said.startswith("custom_hooks.1 (EMAHook) has no option 'momentum'")


class StageHookOfUser(HOOKS.get('SearchStageHook')):
    pass


@pytest.mark.parametrize(
    ('hooks', 'right'),
    [
        ([], False),
        (None, False),
        ([dict(type='ExactResumeHook')], False),
        ([dict(type='NoSuchHook')], False),
        ([STAGES], True),
        ([dict(type='ExactResumeHook'), dict(type='mmdsnas.SearchStageHook')], True),
        ([dict(type=StageHookOfUser)], True),
        ([StageHookOfUser()], True),
    ],
)
def test_a_search_without_the_hook_that_tells_the_epoch(hooks, right):
    config = copy.deepcopy(LOADED[DIGITS])
    del config.default_hooks['search_stage']
    config.custom_hooks = hooks
    found = []
    # Whoever evaluates, or exports, needs none.
    for train_cfg in (config.train_cfg, None):
        config.train_cfg = train_cfg
        try:
            check_config(config)
            found.append(True)
        except ConfigError as error:
            found.append('SearchStageHook' not in str(error))
    assert found == [right, True]


def test_it_is_done_before_the_data_are_looked_for(tmp_path):
    options = {
        'data_root': str(tmp_path / 'none'),
        'model.mutator.init_std': -1,
    }
    with pytest.raises(ConfigError, match='^model.mutator.init_std must be'):
        load_config('dsnas_supernet_1xb64_folder', options)


@pytest.mark.parametrize('name', ['a.b', '', 'keys', 'forward'])
def test_candidates_have_names_that_torch_takes(name):
    blocks = dict(type='mmdsnas.OneHotMutableOP', candidates={name: BLOCK})
    said = mistakes(SEARCH, model__architecture__backbone=dict(blocks, _delete_=True))
    assert (
        'backbone.candidates must have other names than' in said and repr(name) in said
    )
    named = {name: BLOCK}
    said = mistakes(SEARCH, model__architecture__backbone__candidates=named)
    assert (
        'backbone.candidates must have other names than' in said and repr(name) in said
    )


@pytest.mark.parametrize(
    'name', ['class', '{', 'a%sb{0}', '{}', "it's", 'a/b\n', '日本']
)
def test_candidates_have_any_other_names(name):
    option = 'model__architecture__backbone__candidates'
    assert mistakes(SEARCH, **{option: {name: BLOCK}}) is None
    wrong = dict(BLOCK, kernel_size='x')
    said = mistakes(SEARCH, **{option: {name: wrong}})
    assert f'backbone.candidates.{name}.kernel_size must be' in said
