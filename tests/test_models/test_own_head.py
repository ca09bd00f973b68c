"""A head that is kept where a checkpoint has other classes, and nowhere else."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.pretrained import with_own_head
from tests.small_choice import CHANNELS, classifier
from tests.small_search import CLASSES

NAME, BIAS = 'head.fc.weight', 'head.fc.bias'


@pytest.mark.parametrize(
    'value',
    [
        torch.zeros(CLASSES, CHANNELS, dtype=torch.int),
        torch.ones(CLASSES, CHANNELS).to_sparse(),
        torch.zeros(CLASSES, CHANNELS + 1),
        torch.zeros(CLASSES),
        torch.zeros(()),
        'text',
    ],
)
def test_what_is_damaged_is_not_of_other_classes(value):
    init_default_scope('mmdsnas')
    model = build_architecture(classifier())
    given = {**model.state_dict(), NAME: value}
    assert with_own_head(model, given)[NAME] is value
    given[NAME] = torch.zeros(CLASSES + 1, CHANNELS)
    assert torch.equal(with_own_head(model, given)[NAME], model.head.fc.weight)


@pytest.mark.parametrize('given', [(NAME, BIAS), (NAME,), (BIAS,)])
@pytest.mark.parametrize('other', ['fits', 'missing'])
def test_a_layer_is_made_anew_as_a_whole(given, other):
    init_default_scope('mmdsnas')
    model = build_architecture(classifier())
    own, weights = model.state_dict(), {n: w + 1 for n, w in model.state_dict().items()}
    for name in (NAME, BIAS):
        if name in given:
            weights[name] = torch.cat([weights[name]] * 2)
        elif other == 'missing':
            del weights[name]
    found = with_own_head(model, weights)
    assert found.keys() == own.keys()
    for name, weight in found.items():
        wanted = own if name in (NAME, BIAS) else weights
        assert torch.equal(weight, wanted[name]), name


def test_other_layers_of_a_head_are_kept():
    """A layer before the last one does not depend on the classes."""
    init_default_scope('mmdsnas')
    head = dict(
        type='mmcls.StackedLinearClsHead',
        num_classes=CLASSES,
        in_channels=CHANNELS,
        mid_channels=[5],
    )
    model = build_architecture({**classifier(), 'head': head})
    weights = {n: w + 1 for n, w in model.state_dict().items()}
    last = {n: torch.cat([w] * 2) for n, w in weights.items() if 'layers.1' in n}
    assert len(last) == 2
    found = with_own_head(model, {**weights, **last})
    for name, weight in model.state_dict().items():
        assert torch.equal(found[name], weight if name in last else weights[name]), name


def test_what_is_damaged_besides_is_not_hidden():
    init_default_scope('mmdsnas')
    model = build_architecture(classifier())
    given = {
        **model.state_dict(),
        NAME: torch.zeros(CLASSES + 1, CHANNELS + 1),
        BIAS: torch.zeros(CLASSES + 1),
    }
    found = with_own_head(model, given)
    assert all(found[name] is value for name, value in given.items())
