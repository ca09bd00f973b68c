"""A head that is kept where a checkpoint has other classes, and nowhere else."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.pretrained import with_own_head
from tests.small_choice import CHANNELS, classifier
from tests.small_search import CLASSES

NAME = 'head.fc.weight'


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
