"""Each option refuses what it must, and none is forgotten."""

import inspect
from typing import Annotated, Any, Literal, Sequence

import numpy as np
import pytest
import torch.nn as nn
from mmengine.config import ConfigDict
from mmengine.dataset import DefaultSampler
from pydantic import Field, Strict

from mmdsnas.datasets.corrupt_images import SkipCorruptImagesMixin
from mmdsnas.datasets.resized_copy import copy_resized
from mmdsnas.engine import RandomSelection, SearchOptimWrapperDict
from mmdsnas.errors import ConfigError
from mmdsnas.models import BiasFreeClsHead, DifferentiableMutator
from mmdsnas.models.cost import CostTerm, LatencyMeter
from mmdsnas.models.gradient_estimators import DSNASGradient
from mmdsnas.utils.options import (
    InputShape,
    Items,
    Natural,
    PartConfig,
    Positive,
    Probability,
    Text,
    checked_options,
    problems,
)
from tests.test_fuzz.nonsense import registered

NAN, INF = float('nan'), float('inf')
HUGE = 10**400


def call(annotation, value):
    @checked_options
    def function(x: annotation):
        return x

    return function(x=value)


@pytest.mark.parametrize(
    'annotation, allowed, refused',
    [
        (int, [0, -3, HUGE], [True, 1.0, '1', None, NAN, [1], np.ones(2)]),
        (Natural, [0], [-1, False]),
        (Positive, [1e-9, 3, 3e38], [0, True, NAN, INF, 1e39, HUGE, '1', 1j, None]),
        (Probability, [0, 1, 0.5], [-1e-9, 1 + 1e-9, NAN]),
        (bool, [True, False], [0, 1, 'True', None, np.ones(2)]),
        (Text, ['x'], ['', b'x', None]),
        (Literal['a', 'b'], ['a'], ['c', None, ['a'], np.array(['a', 'a'])]),
        (Natural | None, [None, 1], [-1, 'None']),
        (Items[int], [[1], (1, 2)], [[], 1, 'ab', b'ab', [1, 'a'], {1: 2}, None]),
        (Sequence[Text], [[], ('a',)], ['a', [''], None]),
        (Annotated[tuple[int, Natural], Strict(False)], [[-1, 0]], [[1], [1, -1], 3]),
        (dict[str, Any], [{}, {'a': 1}, ConfigDict(a=1)], [{1: 2}, [], None]),
        (PartConfig, [{'type': 'x'}], [{}, 'x', None]),
        (nn.Module | dict, [nn.ReLU(), {}], [nn.ReLU, None, 'x']),
        (
            InputShape,
            [(1, 1, 16000), [1, 3, 4096, 5000]],
            [(1, 1), (2, 3, 8, 8), (1, 3, 0, 8), (1, 3, HUGE), (1, 3, 8192, 8192)],
        ),
    ],
)
def test_values(annotation, allowed, refused):
    for value in allowed:
        assert call(annotation, value) is value
    for value in refused:
        with pytest.raises(ConfigError, match=r'^x\S* of \w+ must .*, but is '):
            call(annotation, value)


@pytest.mark.parametrize(
    'annotation, value, sentence',
    [
        (Natural, -1, 'x of test must be at least 0, but is -1'),
        (Positive, 0, 'x of test must be above 0, but is 0'),
        (Annotated[float, Field(lt=1)], 1.5, 'x of test must be below 1, but is 1.5'),
        (Annotated[int, Field(le=10**6)], 10**7, 'must be at most 1000000, but is 1'),
        (int, True, 'x of test must be a whole number, but is True'),
        (float, NAN, 'x of test must be a finite number, but is nan'),
        (bool, 1, 'x of test must be a valid boolean, but is 1'),
        (Text, '', "must have at least 1 character, but is ''"),
        (Literal['a', 'b'], 'c', "x of test must be 'a' or 'b', but is 'c'"),
        (Sequence[int], 'ab', "x of test must be a list or tuple, but is 'ab'"),
        (Sequence[Sequence[int]], [[], [1, '']], 'x.1.1 of test must be a whole numb'),
        (Items[int], [], 'x of test must have a length of at least 1, but is []'),
        (dict[str, int], dict(a=''), "x.a of test must be a whole number, but is ''"),
        (dict[str, int], {3: 1}, 'x.3 of test must be a valid string, but is 3'),
        # What is wrong inside of the kind that was given is told, and that alone.
        (int | dict[str, int], dict(a=''), 'x.a of test must be a whole number'),
        (
            int | dict,
            '',
            "must be a whole number or be a dict, but is ''",
        ),
        (PartConfig, dict(typ=1), "x of test must have a type, but is {'typ': 1}"),
        (Natural | None, '', "x of test must be a whole number, but is ''"),
    ],
)
def test_sentences(annotation, value, sentence):
    with pytest.raises(ConfigError) as found:
        call(annotation, value)
    told = str(found.value).replace('of call ', 'of test ')
    assert sentence in told and told.endswith('.') and 'validation' not in told


def test_all_wrong_arguments_are_in_one_sentence():
    message = (
        '^custom_groups.1.0 of DifferentiableMutator must be a valid string, but is 3; '
        "init_std of DifferentiableMutator must be a finite number, but is 'a'.$"
    )
    with pytest.raises(ConfigError, match=message):
        DifferentiableMutator(init_std='a', custom_groups=[[], [3]])


def test_arguments_are_checked_however_they_are_given():
    for args, kwargs, sentence in (
        (('a', 8), {}, 'num_classes of BiasFreeClsHead must be a whole number'),
        ((10, 8), dict(dropout=2), 'dropout of BiasFreeClsHead must be below 1'),
        # It has **kwargs.
        ((10,), dict(topk=1), "BiasFreeClsHead: missing .* argument: 'in_channels'"),
    ):
        with pytest.raises(ConfigError, match=f'^{sentence}'):
            BiasFreeClsHead(*args, **kwargs)
    unknown = "RandomSelection has no option 'num_path' .nearest: 'num_paths'"
    with pytest.raises(ConfigError, match=unknown):
        RandomSelection(num_path=3)


def test_nothing_is_converted():
    given = ConfigDict(a=(1, 2))
    assert call(dict[str, Sequence[int]], given) is given


# What can be given by a config: by class and option, values at the edge of what is
# allowed, and beyond it, where the kind has no name in ``mmdsnas.utils.options``.
FRACTION = ([1e-9, 1 - 1e-9], [0, 1, NAN, '0.5', None])
PART = ([{'type': 'x'}], [{}, None, 'x', 3])
BELOW_1 = ([0, 1 - 1e-9], [-1e-9, 1, NAN, None])
SAMPLER = ([DefaultSampler([0])], [3, None, 'x'])
SPLIT = ([None, 'train', 'test'], ['val', '', 3])
OPTIONS = {
    'DSNAS.architecture': PART,
    'DSNAS.mutator': ([None, {}, DifferentiableMutator()], []),
    'DSNAS.cost': ([None, {'x': 1}], [{1: 2}, 3, 'x']),
    'DSNAS.gradient_estimator': ([None, {}, DSNASGradient()], []),
    'DSNAS.data_preprocessor': ([None, {}, nn.Identity()], ['x', 3]),
    'sub_model.cfg': PART,
    'sub_model.fix_subnet': ([None, 'x', {'a': 'b'}], ['', 3]),
    'DifferentiableMutator.custom_groups': (
        [None, [], (('a', 'b'),)],
        ['a', ['a'], [['']], [[3]]],
    ),
    'DifferentiableMutator.init_mean': ([-100, 100], [-100.1, 100.1, NAN, None]),
    'DifferentiableMutator.init_std': ([0, 100], [-1e-9, 100.1, NAN, None]),
    'DifferentiableMutator.fix_threshold': ([None, 1e-9, 1], [0, 1 + 1e-9, NAN, '1']),
    'OneHotMutableOP.candidates': (
        [{'a': {}}, nn.ModuleDict({'a': nn.ReLU()}), {'a': nn.ReLU()}],
        [{}, nn.ModuleDict(), [{}], None, {3: {}}],
    ),
    'OfficialShuffleNetV2.stages': (
        [[(1, 1)], ([8192, 1000],)],
        [[], [(0, 1)], [(8193, 1)], [(8, 0)], [(8, 1001)], [(8,)], [8, 1], None],
    ),
    'OfficialShuffleNetV2.candidates': ([None, {'a': {}}], [{}, {'a': 3}, {3: {}}]),
    'OfficialShuffleBlock.kernel_size': ([1, 99], [0, 100, 3.0, None]),
    'OfficialShuffleBlock.stride': ([1, 2], [0, 3, None]),
    'OfficialShuffleBlock.in_channels': ([1, 8192], [0, 8193, True, 1.0]),
    'BiasFreeClsHead.num_classes': ([None, 1, 10**6], [0, 10**6 + 1, 1.0]),
    'BiasFreeClsHead.dropout': BELOW_1,
    'ScoreFunctionGradient.momentum': BELOW_1,
    'SmoothCrossEntropy.loss_weight': ([0, 3e38], [-1e-9, 1e39, INF, None]),
    'ResourceEstimator.latency': ([None, {}], [{1: 2}, 3]),
    'CostTerm.limit': (
        [None, 1e-9, 3e38, dict(flops=1, params=1, latency=1e-9)],
        [0, NAN, INF, 1e39, True, '1', {}, dict(flops=0), {1: 1}],
    ),
    'CostTerm.weight': ([None, 0, 3e38], [-1e-9, 1e39, NAN, '1']),
    'LatencyMeter.device': ([None, 'cpu', 'cuda'], ['gpu', 0]),
    'LatencyMeter.threads': ([1, 1024], [0, 1025, None]),
    'LatencyMeter.batch_size': ([1, 1024], [0, 1025, None]),
    'LatencyMeter.repeats': ([1, 1000], [0, 1001, None]),
    'SearchOptimWrapperConstructor.paramwise_cfg': ([None], [{}, 3]),
    '_set_up_amp.dtype': ([None, 'bfloat16', 'float16'], ['float32', 'int8', 3]),
    '_set_up_amp.growth_factor': ([1.1, 3e38], [1, NAN, INF, None]),
    '_set_up_amp.backoff_factor': FRACTION,
    '_set_up_amp.growth_interval': ([1, 2**31 - 1], [0, 2**31, 1.0, None]),
    'SelectChildHook.strategy': (
        [{'type': 'x'}, RandomSelection()],
        [{}, RandomSelection, None],
    ),
    'SelectChildHook.evaluator': ([None, {}, [{}], ({}, {})], [[], [3], 'x']),
    'AlternatingBatchSampler.sampler': SAMPLER,
    'NoSingleImageBatchSampler.sampler': SAMPLER,
    'Digits.split': SPLIT,
    'FashionMNIST.split': SPLIT,
    'FashionMNIST.num_samples': ([None, 10], [9, 10.0, '10']),
    'ImageFolder.split': ([None, 'train', 'val', 'test'], ['', 'all', 3]),
    'ImageFolder.val_ratio': FRACTION,
    'ImageFolder.left_out': ([[], ('x',)], ['x', [''], [3], None]),
    'LoadKeptImage.short_edge': ([None, 1], [0, 1.0, '256']),
    'LoadRandomResizedCrop.crop_ratio_range': (
        [(1e-9, 1), [0.5, 0.5]],
        [(0, 1), (0.5, 1.1), (0.6, 0.5), (0.5,), (0.1, 0.2, 0.3), 0.5, None],
    ),
    'LoadRandomResizedCrop.aspect_ratio_range': (
        [(1e-9, 3e38)],
        [(0, 1), (1, INF), (2, 1), (1,), None],
    ),
    'copy_resized.quality': ([1, 100], [0, 101, 1.0]),
}


def checked():
    """Every constructor and function of ours that a config gives options to."""
    found = dict(
        copy_resized=copy_resized,
        _set_up_amp=SearchOptimWrapperDict._set_up_amp,
        CostTerm=CostTerm.__init__,
        LatencyMeter=LatencyMeter.__init__,
        SkipCorruptImagesMixin=SkipCorruptImagesMixin.__init__,
    )
    for name, cls in registered().items():
        function = cls.__init__ if inspect.isclass(cls) else cls
        if getattr(function, '__module__', '').startswith('mmdsnas.'):
            found[name] = function
    # torch gives it its argument.
    del found['seed_worker']
    assert {'DSNAS', 'Digits', 'SearchLogHook', 'sub_model'} <= set(found)
    return found


CHECKED = checked()


@pytest.mark.parametrize('owner', CHECKED)
def test_no_option_is_forgotten(owner):
    parameters = inspect.signature(CHECKED[owner]).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    # The cost table is no option.
    options = {p.name: p.default for p in named if p.name not in ('self', 'table')}
    adapters = CHECKED[owner].adapters() if options else {}
    for name, default in options.items():
        if default is not inspect.Parameter.empty:
            assert not problems('x of y', default, adapters[name])
        # Parts of a search may be objects of any class.
        assert owner == 'DSNAS' or problems('x of y', object(), adapters[name])


@pytest.mark.parametrize('option', OPTIONS)
def test_options(option):
    owner, name = option.split('.')
    adapter = CHECKED[owner].adapters()[name]
    allowed, refused = OPTIONS[option]
    assert [v for v in allowed if problems('x of y', v, adapter)] == []
    assert [v for v in refused if not problems('x of y', v, adapter)] == []
