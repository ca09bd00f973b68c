"""Nonsense as an option is refused by a sentence of ours, and by nothing else."""

import inspect

from hypothesis import given
from hypothesis import strategies as st

from mmdsnas.utils.options import problems
from tests.test_fuzz.nonsense import answered, registered, values

CLASSES = registered()
ADAPTERS = {
    (name, option): adapter
    for name, cls in CLASSES.items()
    for function in [cls.__init__ if inspect.isclass(cls) else cls]
    if hasattr(function, 'adapters')
    for option, adapter in function.adapters().items()
}
# What is built without other parts, and the options that this needs.
ALONE = dict(
    DifferentiableMutator={},
    EvolutionSelection={},
    GDASGradient={},
    LoadKeptImage={},
    LoadRandomResizedCrop=dict(scale=8),
    LoadResizeEdge=dict(scale=8),
    NonFiniteHook={},
    OfficialShuffleBlock=dict(in_channels=4, out_channels=4),
    OfficialShuffleXception=dict(in_channels=4, out_channels=4),
    RandomSelection={},
    RecalibrateBNHook={},
    ReportHook={},
    ResetBNStatsHook={},
    ScoreFunctionGradient={},
    SearchLogHook={},
    SmoothCrossEntropy={},
    SNASGradient={},
)
# mmcv builds it.
BUILT = sorted((n, o) for n, o in ADAPTERS if n in ALONE and o != 'norm_cfg')


@given(st.sampled_from(sorted(ADAPTERS)), values)
def test_any_value_is_allowed_or_told(option, value):
    for sentence in problems('x of y', value, ADAPTERS[option]):
        assert sentence.startswith('x') and ' of y must ' in sentence
        assert ', but is ' in sentence and len(sentence) < 3000


@given(st.sampled_from(BUILT), values)
def test_any_value_builds_or_is_told(option, value):
    owner, name = option
    with answered():
        CLASSES[owner](**{**ALONE[owner], name: value})
