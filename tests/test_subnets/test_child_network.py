"""Which child, and whose weights, a config and a checkpoint give."""

from itertools import product

import pytest
import torch
from mmengine.config import Config

from mmdsnas.errors import CheckpointError, SubnetError
from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.subnets import build_child, child_checkpoint
from tests.test_deployment.conftest import MEAN, STD, SUBNET
from tests.toy import set_alpha, small_shufflenet

PREPROCESSOR = dict(type='mmcls.ClsDataPreprocessor', mean=MEAN, std=STD)
SMALL = dict(resource_estimator=dict(input_shape=(1, 3, 32, 32)))


@pytest.fixture(scope='module')
def search():
    """A search whose most probable path is SUBNET, with statistics that matter."""
    torch.manual_seed(0)
    search = DSNAS(small_shufflenet(), data_preprocessor=PREPROCESSOR, **SMALL)
    for layer in batch_norms(search):
        layer.running_mean.uniform_(-0.5, 0.5)
    choices = ('shuffle_3x3', 'shuffle_5x5', 'shuffle_7x7', 'shuffle_xception')
    set_alpha(
        search.mutator,
        *([float(name == chosen) for name in choices] for chosen in SUBNET.values()),
    )
    return search.eval()


def config(type, **model):
    return Config(
        dict(model=dict(type=type, **model), data_preprocessor=dict(PREPROCESSOR))
    )


def configs():
    return dict(
        search=config('DSNAS', architecture=small_shufflenet(), **SMALL),
        child=config('sub_model', cfg=small_shufflenet()),
    )


# MMRazor's checkpoints of a search name no subnet: only the search can find it out.
KINDS = [('search', 'nameless'), *product(('search', 'child'), ('search', 'child'))]


@pytest.mark.parametrize('kind, checkpoint_of', KINDS)
def test_the_child_is_the_one_of_the_search(kind, checkpoint_of, search):
    checkpoint = dict(state_dict=search.state_dict(), meta=dict(subnet=SUBNET))
    if checkpoint_of == 'child':
        checkpoint = child_checkpoint(search)
    elif checkpoint_of == 'nameless':
        checkpoint['meta'] = {}
    child = build_child(configs()[kind], checkpoint, 'x.pth')
    assert not child.training and child.data_preprocessor.mean.flatten()[0] == MEAN[0]
    inputs = torch.randn(2, 3, 32, 32)
    search.begin(epoch=search.finetune_epochs - 1)
    with torch.no_grad():
        assert torch.equal(child(inputs), search(inputs))
    assert sum(map(torch.numel, child.parameters())) < sum(
        map(torch.numel, search.architecture.parameters())
    )


def test_other_weights_are_refused(search):
    child = child_checkpoint(search)
    del child['state_dict']['head.fc.bias']
    with pytest.raises(
        CheckpointError, match='x.pth belongs .*head.fc.bias is missing'
    ):
        build_child(configs()['child'], child, 'x.pth')
    other = {**SUBNET, 'backbone.layers.0.0': 'shuffle_5x5'}
    with pytest.raises(SubnetError, match='holds the weights of another subnet'):
        options = {'model.fix_subnet': other}
        build_child(configs()['child'], child_checkpoint(search), 'x.pth', options)
