import logging
import re
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
from mmdsnas.models.weights import COUNTER
from mmdsnas.subnets import child_checkpoint, sub_model
from mmdsnas.subnets.child import child_state_dict
from mmdsnas.subnets.subnet import block_names
from tests.small_choice import SIZES, algorithm_of
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


HEAD, BIAS = 'head.fc.weight', 'head.fc.bias'
STEM = 'backbone.conv1.conv.weight'


def without(*names):
    return lambda weights: {n: w for n, w in weights.items() if n not in names}


def child_with(search, change):
    """A child, and its checkpoint with other weights."""
    checkpoint = child_checkpoint(search)
    child = sub_model(small_shufflenet(), checkpoint['meta']['subnet'])
    assert {HEAD, BIAS, STEM} <= checkpoint['state_dict'].keys()
    checkpoint['state_dict'] = change(checkpoint['state_dict'])
    return child, checkpoint


@pytest.mark.parametrize(
    'change, told',
    [
        (without(HEAD, BIAS), f'{HEAD} is missing, {BIAS} is missing.'),
        (without(BIAS), f'{BIAS} is missing.'),
        (without(STEM), f'{STEM} is missing.'),
        (
            lambda w: {n.replace('.fc.', '.fcx.'): x for n, x in w.items()},
            f'{HEAD} is missing, {BIAS} is missing, head.fcx.weight is left over and 1',
        ),
        (
            lambda w: {**w, HEAD: w[HEAD][:, :5]},
            f'{HEAD} has shape (5, 5) instead of (5, 1024).',
        ),
        # Of other classes, but of another width besides.
        (
            lambda w: {**w, HEAD: w[HEAD][:2, :5], BIAS: w[BIAS][:2]},
            f'{HEAD} has shape (2, 5) instead of (5, 1024), {BIAS} has shape (2,)',
        ),
        (lambda w: {f'module.{STEM}': w[STEM]}, 'is missing'),
    ],
)
def test_a_child_does_not_begin_on_what_is_damaged(search, change, told):
    """mmengine would warn and train what is random."""
    child, checkpoint = child_with(search, change)
    told = f'checkpoint x.pth belongs to another model: .*{re.escape(told)}'
    with pytest.raises(CheckpointError, match=told):
        LoadFromHook().after_load_checkpoint(runner_of(child), checkpoint)


@pytest.mark.parametrize('of_search', [True, False])
@pytest.mark.parametrize('parts', [(HEAD, BIAS), (HEAD,), (BIAS,)])
def test_a_head_of_other_classes_is_made_anew_as_a_whole(search, parts, of_search):
    """Also where only a part of it says so: the other one would not belong to it."""
    child, checkpoint = child_with(search, dict)
    if of_search:
        checkpoint = checkpoint_of(search)
    weights, prefix = checkpoint['state_dict'], 'architecture.' * of_search
    for name in parts:
        weights[prefix + name] = weights[prefix + name][:2] + 1
    LoadFromHook().after_load_checkpoint(runner_of(child), checkpoint)
    own, found = child.state_dict(), checkpoint['state_dict']
    assert found.keys() == own.keys()
    for name, weight in found.items():
        wanted = own if name in (HEAD, BIAS) else weights
        wanted_name = name if wanted is own else prefix + name
        assert torch.equal(weight, wanted[wanted_name]), name


def test_a_child_of_an_older_file_needs_no_counters(search):
    child, checkpoint = child_with(
        search, lambda w: {n: x for n, x in w.items() if not n.endswith(COUNTER)}
    )
    LoadFromHook().after_load_checkpoint(runner_of(child), checkpoint)
    assert checkpoint['state_dict'].keys() == child.state_dict().keys()


def test_a_test_takes_a_part(search):
    """As it is: only a training is spoilt by what is random."""
    child, checkpoint = child_with(search, without(HEAD))
    runner = runner_of(child)
    runner._train_loop = None
    LoadFromHook().after_load_checkpoint(runner, checkpoint)
    assert HEAD not in checkpoint['state_dict']


@pytest.fixture
def tuned():
    """A search that tunes its network of first candidates before all else."""
    init_default_scope('mmdsnas')
    return algorithm_of()


def begin(search, weights):
    checkpoint = dict(state_dict=dict(weights), meta={})
    LoadFromHook().after_load_checkpoint(runner_of(search), checkpoint)
    return checkpoint['state_dict']


def of_paths(search, *choices):
    """Weights of a child."""
    names = block_names(search.architecture)
    return child_state_dict(search.architecture, dict(zip(names, choices)))


LOST = 'backbone.blocks.1._candidates.full.expand_conv.conv.weight'


@pytest.mark.parametrize(
    'change', [None, without(LOST), lambda w: {**w, LOST: w[LOST][:1]}]
)
def test_what_is_tuned_first_must_be_there(tuned, caplog, change):
    """Or it would be the teacher of all that comes, with weights that are random."""
    if change is None:
        weights = of_paths(tuned, 'full', 'small')
    else:
        weights = change(tuned.architecture.state_dict())
    told = (
        "load_from=x.pth must have all .*pretrain_path='first' .* unless init_cfg .*"
        f'{LOST} (is missing|has shape)'
    )
    with pytest.raises(CheckpointError, match=told):
        begin(tuned, weights)
    # Neither where another path is trained, nor where init_cfg has given the others.
    tuned.pretrain_path = 'sampled'
    begin(tuned, weights)
    tuned.pretrain_path = 'first'
    tuned.architecture.backbone.init_cfg = dict(type='Pretrained', checkpoint='y.pth')
    begin(tuned, weights)
    told = [record for record in caplog.records if 'begins anew' in record.message]
    assert [record.levelname for record in told] == ['WARNING'] * 2
    tuned.architecture.backbone.init_cfg = dict(type='Kaiming')
    with pytest.raises(CheckpointError):
        begin(tuned, weights)


def test_what_is_tuned_first_is_enough(tuned):
    """Other candidates, a head and counters need not be there."""
    given = of_paths(tuned, 'full', 'full')
    given = {
        name: weight + 1
        for name, weight in given.items()
        if not name.startswith('head.') and not name.endswith(COUNTER)
    }
    found = begin(tuned, given)
    own = tuned.state_dict()
    assert found.keys() == own.keys()
    for name, weight in found.items():
        wanted = given.get(name.removeprefix('architecture.'), own[name])
        assert torch.equal(weight, wanted), name


def test_the_size_of_the_images_is_not_taken_over(caplog):
    init_default_scope('mmdsnas')
    tuned = algorithm_of(input_sizes=SIZES)
    tuned.set_input_size(SIZES[1])
    weights = {n: w.clone() for n, w in tuned.state_dict().items()}
    tuned.set_input_size(SIZES[0])
    with caplog.at_level('INFO'):
        assert begin(tuned, weights)['input_size'] == SIZES[0]
    assert 'does not fit' not in caplog.text and 'begins anew' in caplog.text


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
