"""A classifier as mmcls publishes it, in a search and in a child."""

import copy
import logging
import pickle

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmdsnas.errors import CheckpointError
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.pretrained import converted
from mmdsnas.subnets import sub_model
from mmdsnas.subnets.child import child_state_dict
from tests.elastic import classifier, elastic, images, mobilenet, pretrained

CLASSES = 4
WAYS = ('classifier', 'prefix', 'bare')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmdsnas')


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A classifier of four classes, its file, and that of its backbone alone."""
    init_default_scope('mmdsnas')
    folder, model = tmp_path_factory.mktemp('files'), pretrained(CLASSES)
    whole, bare = str(folder / 'whole.pth'), str(folder / 'bare.pth')
    torch.save(dict(state_dict=model.state_dict(), meta={}), whole)
    torch.save(model.backbone.state_dict(), bare)
    return model, whole, bare


@pytest.fixture
def log():
    """What is logged, without mmengine's list of all parameters."""
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def of_file(path, **options):
    return dict(type='Pretrained', checkpoint=path, **options)


def config(way, files, classes=CLASSES):
    """A supernet that names a file in one of three ways."""
    _, whole, bare = files
    if way == 'classifier':
        return elastic(classes, init_cfg=of_file(whole))
    given = of_file(bare) if way == 'bare' else of_file(whole, prefix='backbone.')
    return elastic(classes, dict(init_cfg=given))


def first_path(architecture):
    return {name: op.choices[0] for name, op in blocks_of(architecture).items()}


def smaller_path(architecture):
    """Every third block is left out if it can be, the others have expansion 3."""
    return {
        name: op.choices[-1 if k % 3 == 0 else 1]
        for k, (name, op) in enumerate(blocks_of(architecture).items())
    }


def is_of_head(name):
    return name.startswith('head.')


@pytest.mark.parametrize('way', WAYS)
@torch.no_grad()
def test_a_search_begins_with_the_network_as_it_was(files, way):
    supernet = build_architecture(config(way, files))
    supernet.init_weights()
    for name, choice in first_path(supernet).items():
        supernet.get_submodule(name).current_choice = choice
    found, wanted = (m.eval().backbone(images())[-1] for m in (supernet, files[0]))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    heads = supernet.head.fc.weight, files[0].head.fc.weight
    assert torch.equal(*heads) == (way == 'classifier')


@pytest.mark.parametrize('path', [first_path, smaller_path])
@pytest.mark.parametrize('way', WAYS)
def test_a_child_gets_its_part(files, way, path):
    supernet = build_architecture(config(way, files))
    supernet.init_weights()
    subnet = path(supernet)
    child = sub_model(config(way, files), subnet)
    assert len(set(subnet.values())) > (path is smaller_path)
    child.init_weights()
    wanted = child_state_dict(supernet, subnet)
    assert child.state_dict().keys() == wanted.keys()
    for name, value in child.state_dict().items():
        if way == 'classifier' or not is_of_head(name):
            assert torch.equal(value, wanted[name]), name


@pytest.mark.parametrize('fixed', [False, True])
def test_a_head_of_other_classes_is_made_anew(files, log, fixed):
    made = config('classifier', files, classes=3)
    model = build_architecture(made)
    if fixed:
        model = sub_model(made, smaller_path(model))
    model.init_weights()
    told = [line for line in log if 'head' in line and 'classes' in line]
    assert told == [
        'The head is made anew: the checkpoint has 4 classes, the model 3 '
        '(head.fc.weight, head.fc.bias).'
    ]
    assert not any('do not match' in line for line in log)
    # As the head's own initialization makes it.
    assert model.head.fc.weight.shape[0] == 3
    assert 0.005 < model.head.fc.weight.std() < 0.02


def test_a_head_of_other_features_is_left_to_mmengine(files, tmp_path, log):
    weights = files[0].state_dict()
    weights['head.fc.weight'] = torch.zeros(3, 7)
    torch.save(weights, tmp_path / 'x.pth')
    made = elastic(3, init_cfg=of_file(str(tmp_path / 'x.pth')))
    build_architecture(made).init_weights()
    assert any('size mismatch for' in line for line in log)


def test_other_loading_is_as_strict_as_before(files):
    """``load_state_dict`` of torch does not replace a head."""
    supernet = build_architecture(elastic(3))
    with pytest.raises(RuntimeError, match='size mismatch for head.fc.weight'):
        supernet.load_state_dict(files[0].state_dict())


def without(name):
    return lambda weights: {k: w for k, w in weights.items() if k != name}


def instead(name, value):
    return lambda weights: {**weights, name: value}


BLOCK = 'backbone.layer3.1.conv.0.conv.weight'
STEM = 'backbone.conv1.conv.weight'


@pytest.mark.parametrize('fixed', [False, True])
@pytest.mark.parametrize(
    'change, told',
    [
        (without(BLOCK), 'layer3.1.conv.0.conv.weight is missing'),
        (
            instead(BLOCK, torch.zeros(24, 8, 1, 1)),
            r'layer3.1.conv.0.conv.weight has shape \(24, 8, 1, 1\) instead of \(48, 8',
        ),
        (instead(BLOCK, 'text'), 'layer3.1.conv.0.conv.weight is a str instead of'),
        (
            instead('backbone.layer3.1.conv.3.weight', torch.zeros(1)),
            'layer3.1.conv.3.weight is left over',
        ),
        (without(STEM), 'MobileNetV2, but conv1.conv.weight is missing'),
        (
            instead(STEM, torch.zeros(4, 3, 3, 3)),
            r'conv1.conv.weight has shape \(4, 3, 3, 3\) instead of \(8, 3, 3, 3\)',
        ),
        # Those of another network altogether.
        (
            lambda _: {'backbone.stem.weight': torch.zeros(1)},
            'none of them, such as backbone.conv1.conv.weight',
        ),
    ],
)
def test_weights_that_do_not_fit(files, tmp_path, change, told, fixed):
    """mmengine itself would warn and go on with random weights."""
    torch.save(change(files[0].state_dict()), tmp_path / 'x.pth')
    made = elastic(CLASSES, init_cfg=of_file(str(tmp_path / 'x.pth')))
    model = build_architecture(made)
    if fixed:
        model = sub_model(made, smaller_path(model))
    with pytest.raises(CheckpointError, match=told):
        model.init_weights()


def test_a_prefix_that_is_missing_is_named(files):
    made = elastic(CLASSES, dict(init_cfg=of_file(files[1])))
    with pytest.raises(CheckpointError, match=r"init_cfg.prefix='backbone\.'"):
        build_architecture(made).init_weights()


@torch.no_grad()
def test_older_files_have_no_counters(files, tmp_path):
    weights = files[0].state_dict()
    old = {k: w for k, w in weights.items() if 'num_batches' not in k}
    torch.save(old, tmp_path / 'x.pth')
    model = build_architecture(
        elastic(CLASSES, init_cfg=of_file(str(tmp_path / 'x.pth')))
    )
    model.init_weights()
    wanted = converted(model, weights)
    for name, value in model.state_dict().items():
        assert 'num_batches' in name or torch.equal(value, wanted[name]), name


def test_weights_of_a_search_are_not_sorted_again(files):
    """Also where training has changed which channels are important."""
    model = build_architecture(elastic(CLASSES))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    kept = {k: v.clone() for k, v in model.state_dict().items()}
    assert all(kept[k] is v for k, v in converted(model, kept).items())
    other = build_architecture(elastic(CLASSES))
    other.load_state_dict(kept)
    assert all(torch.equal(kept[k], v) for k, v in other.state_dict().items())


def test_copies_convert_too(files):
    supernet = build_architecture(elastic(CLASSES))
    wanted = converted(supernet, files[0].state_dict())
    child = sub_model(elastic(CLASSES), smaller_path(supernet))
    for model in (
        copy.deepcopy(supernet),
        copy.deepcopy(child),
        # A child shares nothing, and is pickled as any module.
        pickle.loads(pickle.dumps(child)),
    ):
        model.load_state_dict(files[0].state_dict())
        for name, value in model.state_dict().items():
            # Those of the search, of whose owner a child has a part.
            if name in wanted:
                assert torch.equal(value, wanted[name]), name


def test_a_plain_network_is_left_as_it_is(files):
    """What mmcls builds has nothing to be converted but its head."""
    model = build_architecture(classifier(mobilenet(), CLASSES))
    weights = files[0].state_dict()
    assert converted(model, weights) == weights
