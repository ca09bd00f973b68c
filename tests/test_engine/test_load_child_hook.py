from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdsnas.engine import LoadChildHook, RecordSubnetHook
from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.structures import child_checkpoint, sub_model
from tests.toy import small_shufflenet


@pytest.fixture
def search():
    init_default_scope('mmdsnas')
    torch.manual_seed(0)
    return DSNAS(
        small_shufflenet(),
        mutator=dict(init_std=1.0),
        resource_estimator=dict(input_shape=(1, 3, 32, 32)),
    )


def runner_of(model):
    return SimpleNamespace(model=model, cfg=SimpleNamespace(load_from='x.pth'))


def checkpoint_of(search):
    """What mmengine and the hook put into a checkpoint."""
    checkpoint = dict(state_dict=dict(search.state_dict()), meta={})
    RecordSubnetHook().before_save_checkpoint(runner_of(search), checkpoint)
    return checkpoint


def test_child_of_a_search(search):
    checkpoint = checkpoint_of(search)
    exported = child_checkpoint(search)
    assert checkpoint['meta']['subnet'] == exported['meta']['subnet']
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    LoadChildHook().after_load_checkpoint(runner_of(child), checkpoint)
    assert set(checkpoint['state_dict']) == set(exported['state_dict'])
    for name, weight in exported['state_dict'].items():
        assert torch.equal(checkpoint['state_dict'][name], weight), name


def test_checkpoint_of_a_child_is_left_alone(search):
    checkpoint = child_checkpoint(search)
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    before = dict(checkpoint['state_dict'])
    LoadChildHook().after_load_checkpoint(runner_of(child), checkpoint)
    assert checkpoint['state_dict'] is not before
    assert checkpoint['state_dict'].keys() == before.keys()


def test_weights_that_are_missing(search):
    checkpoint = checkpoint_of(search)
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    del checkpoint['state_dict']['architecture.head.fc.weight']
    with pytest.raises(CheckpointError, match='x.pth .*: head.fc.weight is missing'):
        LoadChildHook().after_load_checkpoint(runner_of(child), checkpoint)
