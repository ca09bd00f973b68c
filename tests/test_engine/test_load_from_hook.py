import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.registry import init_default_scope
from mmengine.runner import EpochBasedTrainLoop, get_priority

from mmdsnas.engine import LoadFromHook, RecordSubnetHook
from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.subnets import child_checkpoint, sub_model
from mmdsnas.subnets.subnet import block_names
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
    config = Config(dict(model=dict(type='DSNAS')))
    return SimpleNamespace(
        model=model,
        cfg=config,
        hooks=[],
        max_epochs=3,
        logger=logging.getLogger('load_from'),
        _load_from='x.pth',
        _resume=False,
        _train_loop=object.__new__(EpochBasedTrainLoop),
    )


def checkpoint_of(search):
    """What mmengine and the hook put into a checkpoint."""
    checkpoint = dict(state_dict=dict(search.state_dict()), meta={})
    RecordSubnetHook().before_save_checkpoint(runner_of(search), checkpoint)
    return checkpoint


def test_child_of_a_search(search):
    checkpoint = checkpoint_of(search)
    exported = child_checkpoint(search)
    for recorded in ('subnet', 'input_shape'):
        assert checkpoint['meta'][recorded] == exported['meta'][recorded]
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    LoadFromHook().after_load_checkpoint(runner_of(child), checkpoint)
    assert set(checkpoint['state_dict']) == set(exported['state_dict'])
    for name, weight in exported['state_dict'].items():
        assert torch.equal(checkpoint['state_dict'][name], weight), name


def test_weights_that_are_missing(search):
    checkpoint = checkpoint_of(search)
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    del checkpoint['state_dict']['architecture.head.fc.weight']
    with pytest.raises(CheckpointError, match='x.pth .*: head.fc.weight is missing'):
        LoadFromHook().after_load_checkpoint(runner_of(child), checkpoint)


@pytest.mark.parametrize('kind', ['search', 'child'])
def test_checkpoint_with_nothing_in_common(search, kind):
    """mmengine would warn and train from scratch."""
    exported = child_checkpoint(search)
    model = search
    if kind == 'child':
        model = sub_model(small_shufflenet(), exported['meta']['subnet'])
    exported['state_dict'] = {'first_conv.0.weight': torch.zeros(1)}
    with pytest.raises(CheckpointError, match='x.pth has no weight of this model'):
        LoadFromHook().after_load_checkpoint(runner_of(model), exported)


@pytest.mark.parametrize('shape', [(1, 2), ()])
def test_a_search_begins_on_no_search_of_another_network(search, shape):
    """Of which no weight fits: neither alpha nor a name says that it does."""
    checkpoint = checkpoint_of(search)
    for name in checkpoint['state_dict']:
        if name.startswith('architecture.'):
            checkpoint['state_dict'][name] = torch.zeros(9, *shape)
    with pytest.raises(CheckpointError, match='x.pth has no weight of this model'):
        LoadFromHook().after_load_checkpoint(runner_of(search), checkpoint)


def test_part_of_a_child_is_left_to_mmengine(search):
    """As for another number of classes."""
    checkpoint = child_checkpoint(search)
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    name, weight = next(iter(checkpoint['state_dict'].items()))
    checkpoint['state_dict'] = {f'module.{name}': weight}
    LoadFromHook().after_load_checkpoint(runner_of(child), checkpoint)
    assert list(checkpoint['state_dict']) == [f'module.{name}']


def test_recorded_child_is_that_of_the_saved_weights(search):
    """EMAHook puts its averages, also of alpha, into the checkpoint."""
    checkpoint = dict(state_dict=dict(search.state_dict()), meta={})
    for name, value in checkpoint['state_dict'].items():
        if '_arch_params' in name:
            checkpoint['state_dict'][name] = -value
    RecordSubnetHook().before_save_checkpoint(runner_of(search), checkpoint)
    blocks, alphas = block_names(search.architecture), search.mutator.arch_params
    worst = {
        block: op.choices[int(alpha.argmin())]
        for (block, op), alpha in zip(blocks.items(), alphas.values(), strict=True)
    }
    assert checkpoint['meta']['subnet'] == worst
    assert get_priority(RecordSubnetHook.priority) > get_priority(EMAHook.priority)
