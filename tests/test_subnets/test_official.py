"""The authors' checkpoints, on a network of three blocks."""

import math

import pytest
import torch
from mmcls.models import ImageClassifier

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.launch.run_config import load_config
from mmdsnas.registry import MODELS
from mmdsnas.subnets.official import (
    convert_official,
    empty_architecture,
    official_names,
)
from tests.test_reference.filling import official_weights

ARCHITECTURE = dict(
    type='mmcls.ImageClassifier',
    backbone=dict(
        type='mmdsnas.OfficialShuffleNetV2', stages=((32, 2), (64, 1)), out_indices=(2,)
    ),
    neck=dict(type='mmcls.GlobalAveragePooling'),
    head=dict(
        type='mmdsnas.BiasFreeClsHead',
        num_classes=3,
        in_channels=1024,
        loss=dict(type='mmdsnas.SmoothCrossEntropy'),
    ),
)
MODEL = dict(
    type='DSNAS',
    architecture=ARCHITECTURE,
    resource_estimator=dict(input_shape=(1, 3, 32, 32)),
)
BLOCKS = ['backbone.layers.0.0', 'backbone.layers.0.1', 'backbone.layers.1.0']
# Candidates 2, 0 and 3; two are equal in the second block.
ALPHA = [[0.0, 1.0, 2.0, -1.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]]
SUBNET = dict(zip(BLOCKS, ('shuffle_7x7', 'shuffle_3x3', 'shuffle_xception')))


@pytest.fixture(scope='module')
def architecture():
    return empty_architecture(MODEL)


@pytest.fixture
def supernet(architecture):
    """Weights of a supernet under the authors' names."""
    own = architecture.state_dict()
    shapes = {n: own[ours].shape for n, ours in official_names(architecture).items()}
    return {**official_weights('small', shapes), 'log_alpha': torch.tensor(ALPHA)}


@pytest.fixture
def child(supernet):
    """The same of the child; its alpha is of no use."""
    lost = [
        f'features.{block}.{k}.'
        for block, chosen in enumerate((2, 0, 3))
        for k in range(4)
        if k != chosen
    ]
    weights = {n: v for n, v in supernet.items() if not n.startswith(tuple(lost))}
    return {**weights, 'log_alpha': torch.zeros(20, 4)}


def reasons(weights, architecture):
    """The lines after the sentence with which weights are refused."""
    with pytest.raises(CheckpointError) as error:
        convert_official(weights, architecture, 'a.pth')
    sentence, *lines = str(error.value).splitlines()
    assert sentence.startswith('checkpoint a.pth is not a ')
    return {line.strip() for line in lines}


def test_no_memory_is_taken(architecture):
    assert isinstance(architecture, ImageClassifier)
    assert all(value.is_meta for value in architecture.state_dict().values())


def test_supernet_gets_the_names_of_a_search(supernet, architecture):
    checkpoint, probabilities = convert_official(supernet, architecture, 'a.pth')
    algorithm = MODELS.build(MODEL).double()
    algorithm.load_state_dict(checkpoint['state_dict'])
    state = algorithm.state_dict()
    names = official_names(architecture)
    for theirs, ours in names.items():
        assert torch.equal(state[f'architecture.{ours}'], supernet[theirs]), ours
    alphas = [state[f'mutator._arch_params.module_{i}'].tolist() for i in range(3)]
    assert alphas == ALPHA
    assert state['mutator._fixed'].tolist() == [-1, -1, -1]
    assert checkpoint['meta']['subnet'] == SUBNET
    total = sum(math.exp(a) for a in ALPHA[0])
    assert list(probabilities) == BLOCKS
    assert probabilities[BLOCKS[0]] == pytest.approx(math.exp(2) / total)


def test_child_gets_the_names_of_sub_model(child, architecture):
    checkpoint, probabilities = convert_official(child, architecture, 'a.pth')
    assert probabilities is None
    assert checkpoint['meta']['subnet'] == SUBNET
    model = MODELS.build(dict(type='sub_model', cfg=ARCHITECTURE, fix_subnet=SUBNET))
    model.double().load_state_dict(checkpoint['state_dict'])
    names = official_names(architecture)
    for theirs, value in child.items():
        if theirs != 'log_alpha':
            assert torch.equal(model.state_dict()[names[theirs]], value), theirs


def test_prefix_epoch_and_learning_rate(supernet, architecture):
    weights = torch.nn.Parameter(torch.zeros(2))
    wrapped = dict(
        epoch=80,
        model='ShuffleNetV2_OneShot',
        state_dict={f'module.{name}': value for name, value in supernet.items()},
        best_prec1=60.0,
        optimizer=torch.optim.SGD([weights], lr=0.25).state_dict(),
    )
    with_all = convert_official(wrapped, architecture, 'a.pth')[0]
    bare = convert_official(supernet, architecture, 'a.pth')[0]
    assert with_all['meta'] == {**bare['meta'], 'epoch': 80, 'lr': 0.25}
    assert bare['meta'].keys() == {'subnet', 'mmdsnas_version'}
    assert bare['state_dict'].keys() == with_all['state_dict'].keys()


def test_everything_wrong_is_named(supernet, architecture):
    del supernet['first_conv.0.weight'], supernet['features.2.1.branch_main.4.bias']
    supernet['classifier.0.bias'] = torch.zeros(3)
    supernet['module.x'] = torch.zeros(3)
    supernet['conv_last.0.weight'] = torch.zeros(1024, 64)
    supernet['features.0.3.branch_proj.0.weight'][0] = math.inf
    supernet['first_conv.1.bias'] = 3.0
    supernet['first_conv.1.weight'] = torch.ones(16, dtype=torch.int32)
    supernet['log_alpha'] = torch.tensor(ALPHA[:2])
    assert reasons(supernet, architecture) == {
        'first_conv.0.weight is missing',
        'features.2.1.branch_main.4.bias is missing',
        'classifier.0.bias is left over',
        'x is left over',
        'conv_last.0.weight has shape (1024, 64) instead of (1024, 64, 1, 1)',
        'features.0.3.branch_proj.0.weight has values that are not finite',
        'first_conv.1.bias is a float instead of a tensor',
        'first_conv.1.weight has type torch.int32 instead of a floating one',
        'log_alpha has shape (2, 4) instead of (3, 4)',
    }


@pytest.mark.parametrize(
    'alpha, reason',
    [
        (None, 'log_alpha is missing'),
        ([[math.nan] * 4] * 3, 'log_alpha has values that are not finite'),
    ],
)
def test_supernet_needs_alpha(supernet, architecture, alpha, reason):
    del supernet['log_alpha']
    if alpha is not None:
        supernet['log_alpha'] = torch.tensor(alpha)
    assert reasons(supernet, architecture) == {reason}


def test_child_has_one_candidate_in_each_block(supernet, child, architecture):
    for name in [name for name in child if name.startswith('features.1.')]:
        del child[name]
    second = {n: v for n, v in supernet.items() if n.startswith('features.2.1.')}
    lacking = sorted(second)[0]
    del second[lacking]
    assert reasons({**child, **second}, architecture) == {
        'features.1 has 0 candidates instead of one',
        'features.2 has 2 candidates instead of one',
        f'{lacking} is missing',
    }


def test_counters_may_all_be_missing(child, architecture):
    """So it is in files of PyTorch 0.4.0; a single one is a damage."""
    counters = [name for name in child if name.endswith('num_batches_tracked')]
    without = {n: v for n, v in child.items() if n not in counters}
    state = convert_official(without, architecture, 'a.pth')[0]['state_dict']
    names = official_names(architecture)
    assert all(state[names[name]].item() == 0 for name in counters)
    del child[counters[0]]
    assert reasons(child, architecture) == {f'{counters[0]} is missing'}


@pytest.mark.parametrize('empty', [{}, {'state_dict': {}}, torch.zeros(3), [1]])
def test_no_weights(architecture, empty):
    with pytest.raises(CheckpointError, match='^checkpoint a.pth holds no weights.$'):
        convert_official(empty, architecture, 'a.pth')


def test_other_networks_are_refused():
    model = load_config('dsnas_supernet_1xb64_digits').model
    other = empty_architecture(model)
    with pytest.raises(ConfigError, match='--config must be .* head.fc.bias'):
        official_names(other)
    with pytest.raises(ConfigError, match='--config must be .* ResNet'):
        empty_architecture(dict(type='ResNet'))
