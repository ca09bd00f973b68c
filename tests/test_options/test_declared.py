"""Nothing that a config can name is forgotten."""

import inspect

import pytest
from mmengine.registry import Registry

from mmdsnas import registry
from mmdsnas.options import OPTIONS, check
from mmdsnas.options.signatures import options_of
from tests.test_fuzz.nonsense import small_search

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def registered():
    """Every class and function of ours, by the name that a config gives."""
    found = {}
    for place in vars(registry).values():
        if isinstance(place, Registry) and place.scope == 'mmdsnas':
            place.import_from_location()
            found.update(place.module_dict)
    ours = {n: c for n, c in found.items() if c.__module__.startswith('mmdsnas.')}
    assert {'DSNAS', 'Digits', 'SearchLogHook', 'sub_model'} <= set(ours)
    return ours


def own_arguments(cls):
    """Arguments that code of ours takes, without those for other packages' code."""
    functions = [cls]
    if inspect.isclass(cls):
        bases = [b for b in cls.__mro__ if b.__module__.startswith('mmdsnas.')]
        functions = [vars(b)['__init__'] for b in bases if '__init__' in vars(b)]
    names = set()
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        kinds = {p.name: p.kind for p in parameters}
        names |= {n for n, kind in kinds.items() if kind not in VARIADIC}
        # Without **kwargs nothing that a config gives goes further.
        if VARIADIC[1] not in kinds.values():
            break
    return names - {'self'}


@pytest.mark.parametrize('name', registered())
def test_every_argument_is_declared(name):
    cls = registered()[name]
    missing = own_arguments(cls) - set(OPTIONS.get(name, ()))
    assert not missing, f'declare {missing} of {name} in mmdsnas/options/declared.py'


@pytest.mark.parametrize('name', registered())
def test_every_default_is_allowed(name):
    cls = registered()[name]
    parameters = inspect.signature(cls).parameters.values()
    for parameter in parameters:
        checker = OPTIONS.get(name, {}).get(parameter.name)
        if checker is not None and parameter.default is not parameter.empty:
            assert checker.problems(parameter.default) == [], parameter.name


@pytest.mark.parametrize(
    'name, takes, takes_not',
    [
        # Through mmcls's LinearClsHead to its ClsHead.
        ('BiasFreeClsHead', 'cal_acc', 'pretrain_epochs'),
        ('SearchStageHook', None, 'interval'),
        ('ImageFolder', 'pipeline', 'spilt'),
        ('SearchLogHook', 'interval', 'intervall'),
        ('sub_model', 'fix_subnet', 'subnet'),
    ],
)
def test_what_a_class_takes_is_known(name, takes, takes_not):
    known, _ = options_of(registered()[name])
    assert takes_not not in known
    assert takes is None or takes in known


def test_the_fuzzed_config_names_all_that_has_options():
    def types(config):
        parts = config.values() if isinstance(config, dict) else config
        own = (
            {config['type']} if isinstance(config, dict) and 'type' in config else set()
        )
        inner = (types(p) for p in parts if isinstance(p, (dict, list, tuple)))
        return own.union(*inner)

    # Those of candidates are in every candidate; the others have no config alone.
    apart = {'OneHotMutableOP', 'sub_model', 'seed_worker', 'SearchOptimWrapperDict'}
    apart |= {'SearchOptimWrapperConstructor', 'GroupedOptimWrapperConstructor'}
    # The data loader gives them what it has; there are no data.
    apart |= {'AlternatingBatchSampler', 'NoSingleImageBatchSampler'}
    apart |= {'LoadRandomResizedCrop', 'LoadResizeEdge'}
    # There is one gradient estimator in a config.
    apart |= {'SNASGradient', 'ScoreFunctionGradient'}
    with_options = {name for name, cls in registered().items() if OPTIONS.get(name)}
    assert with_options <= types(small_search()) | apart


class Checked(Exception):
    """The constructor came to its check."""


# Hooks whose constructor is mmengine's; the tools check their options.
THEIRS = ('AtomicCheckpointHook', 'EMAHook')


@pytest.mark.parametrize(
    'name', [n for n in registered() if OPTIONS.get(n) and n not in THEIRS]
)
def test_every_argument_reaches_the_check(name, monkeypatch):
    """One that a constructor leaves out would be allowed any value in Python."""
    cls, seen = registered()[name], set()

    def note(owner, options):
        assert owner == name
        seen.update(options)
        raise Checked

    monkeypatch.setattr(check, 'check_options', note)
    parameters = inspect.signature(cls).parameters.values()
    given = {p.name for p in parameters if p.kind not in VARIADIC}
    try:
        cls(**dict.fromkeys(given))
    except Checked:
        assert given <= seen
    except Exception as error:
        raise AssertionError(f'{name} checks nothing, or too late') from error
