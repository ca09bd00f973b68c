"""What the fuzz tests share: values of any kind, a small search, a limit on time."""

import inspect
import signal
from contextlib import contextmanager

from hypothesis import strategies as st
from mmengine.registry import Registry

from mmdsnas import registry
from mmdsnas.engine import SearchOptimWrapperDict
from mmdsnas.errors import UserError
from mmdsnas.models.cost import CostTerm, LatencyMeter

SECONDS = 60
HOOKS = (
    *('SearchStageHook', 'LoadFromHook', 'AverageBNStatsHook', 'RecordSubnetHook'),
    *('SafeCheckpointHook', 'ExportChildHook', 'SampledPathValHook'),
    *('SearchLogHook', 'RecalibrateBNHook', 'ResetBNStatsHook', 'ReportHook'),
    *('ExactResumeHook', 'ResumeValidationHook', 'NonFiniteHook', 'EMAHook'),
    *('RankAgreementHook', 'AtomicCheckpointHook', 'SearchPlanHook'),
)


def small_search() -> dict:
    """Config of a search of two blocks in the authors' network, without data."""
    sgd = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    names = ('OfficialShuffleBlock', 'OfficialShuffleXception')
    head = dict(
        type='BiasFreeClsHead',
        num_classes=3,
        in_channels=32,
        loss=dict(type='SmoothCrossEntropy'),
    )
    return dict(
        default_scope='mmdsnas',
        model=dict(
            type='DSNAS',
            architecture=dict(
                type='mmcls.ImageClassifier',
                backbone=dict(
                    type='OfficialShuffleNetV2',
                    stages=[(24, 1), (32, 1)],
                    candidates={name: dict(type=name) for name in names},
                    with_last_layer=False,
                    out_indices=(1,),
                ),
                neck=dict(type='mmcls.GlobalAveragePooling'),
                head=head,
            ),
            mutator=dict(type='DifferentiableMutator'),
            resource_estimator=dict(
                type='ResourceEstimator', input_shape=(1, 3, 16, 16)
            ),
            gradient_estimator=dict(type='GDASGradient'),
            cost=dict(limit=10.0),
        ),
        optim_wrapper=dict(
            constructor='SearchOptimWrapperConstructor',
            architecture=dict(sgd, paramwise_cfg=dict()),
            mutator=dict(sgd),
            amp=dict(),
        ),
        custom_hooks=[
            *(dict(type=name) for name in HOOKS),
            dict(type='SelectChildHook', strategy=dict(type='RandomSelection')),
            dict(type='SelectChildHook', strategy=dict(type='EvolutionSelection')),
        ],
        train_dataloader=dict(batch_size=2, dataset=dict(type='Digits')),
        val_dataloader=dict(dataset=dict(type='FashionMNIST')),
        test_dataloader=dict(dataset=dict(type='ImageFolder', data_root='x')),
        ema_dataloader=dict(dataset=dict(type='ImageNet', data_root='x')),
    )


def registered() -> dict:
    """All classes and functions of ours, by the name that a config gives."""
    found = {}
    for place in vars(registry).values():
        if isinstance(place, Registry) and place.scope == 'mmdsnas':
            place.import_from_location()
            found.update(place.module_dict)
    return {n: c for n, c in found.items() if c.__module__.startswith('mmdsnas.')}


def _options_of(function) -> list:
    parameters = inspect.signature(function).parameters.values()
    return [
        p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]


OPTIONS = {name: _options_of(cls) for name, cls in registered().items()}
# Options that are dicts of options.
INNER = dict(
    cost=_options_of(CostTerm),
    latency=_options_of(LatencyMeter),
    amp=_options_of(SearchOptimWrapperDict._set_up_amp)[1:],
)


def _options_in(owner: str):
    """Dotted names of the options of a class, also of dicts of options."""
    for name in OPTIONS.get(owner, ()):
        yield name
        yield from (f'{name}.{option}' for option in INNER.get(name, ()))


def declared_options(config, where: str = '') -> list:
    """Dotted names of all options of the classes of ours that a config names."""
    if isinstance(config, (list, tuple)):
        config = dict(enumerate(config))
    if not isinstance(config, dict):
        return []
    names = {f'{where}{option}' for option in _options_in(config.get('type', ''))}
    if 'constructor' in config:
        names |= {f'{where}{o}' for o in _options_in('SearchOptimWrapperDict')}
    for key, value in config.items():
        names |= set(declared_options(value, f'{where}{key}.'))
    return sorted(names)


def put(config, name: str, value) -> None:
    """Sets an option by its dotted name, where its place is still there."""
    *places, last = name.split('.')
    for place in places:
        if isinstance(config, dict):
            config = config.setdefault(place, {})
        elif isinstance(config, list) and int(place) < len(config):
            config = config[int(place)]
    if isinstance(config, dict):
        config[last] = value


# Small or huge: what lies between is allowed, and only takes time to build.
_numbers = st.one_of(
    st.integers(-3, 20),
    st.sampled_from([2**31, 2**63, -(2**63), 10**30, -(10**400)]),
    st.floats(),
    st.floats(0, 2),
)
_types = [
    *OPTIONS,
    *('BN', 'mmcls.ImageClassifier', 'mmcls.LinearClsHead', 'mmcls.CrossEntropyLoss'),
    *('mmrazor.ShuffleBlock', 'mmengine.EMAHook', 'SGD', 'torch.optim.SGD', 'no.such'),
]
_names = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        sorted({'type', 'eps', 'dtype', 'norm_decay_mult'}.union(*OPTIONS.values()))
    ),
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        _numbers,
        st.text(max_size=12),
        st.sampled_from(_types),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_names, inner, max_size=3),
        st.dictionaries(_names, inner, max_size=3).flatmap(
            lambda config: st.sampled_from(_types).map(lambda t: dict(config, type=t))
        ),
    ),
    max_leaves=6,
)
option_names = _names


class NoAnswer(BaseException):
    """Raised where something hangs; no handler of errors takes it for its own."""


@contextmanager
def answered():
    """A result or one of our own errors, within a bounded time."""

    def too_late(signum, frame):
        raise NoAnswer(f'no answer within {SECONDS} s')

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(SECONDS)
    try:
        yield
    except UserError as error:
        assert str(error), 'the error says nothing'
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
