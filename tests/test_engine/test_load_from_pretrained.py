"""Runs that begin with a classifier of mmcls, into blocks that share weights."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdsnas.errors import CheckpointError
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.pretrained import converted
from tests.elastic import elastic, pretrained
from tests.small_search import CLASSES, SIZE, config_of, run


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Files of a classifier by its number of classes; one of another network."""
    init_default_scope('mmdsnas')
    folder, found = tmp_path_factory.mktemp('files'), {}
    for classes in (CLASSES, CLASSES + 1):
        found[classes] = str(folder / f'{classes}.pth')
        weights = pretrained(classes).state_dict()
        torch.save(dict(state_dict=weights, meta={}), found[classes])
    weights['backbone.layer3.1.conv.1.conv.weight'] = torch.zeros(48, 1, 5, 5)
    found['other'] = str(folder / 'other.pth')
    torch.save(dict(state_dict=weights), found['other'])
    return found


def train(folder, path, subnet=None):
    """Trains an epoch with a learning rate of 0; the model and the log."""
    config = config_of(
        folder, load_from=path, log_level='INFO', train_cfg__max_epochs=1
    )
    config.default_hooks = dict(
        logger=dict(type='LoggerHook', interval=1),
        safe_checkpoint=dict(type='SafeCheckpointHook'),
        load_from=dict(type='LoadFromHook'),
    )
    still = dict(optimizer=dict(type='SGD', lr=0.0))
    if subnet is None:
        config.model.architecture = elastic()
        config.default_hooks.search_stage = dict(type='SearchStageHook')
        config.model.update(pretrain_epochs=0, finetune_epochs=1)
        config.model.input_sizes = [SIZE, SIZE // 2]
        config.optim_wrapper.update(architecture=still, mutator=still)
    else:
        config.model = dict(type='sub_model', cfg=elastic(), fix_subnet=subnet)
        config.optim_wrapper = still
    config.pop('val_dataloader'), config.pop('val_evaluator'), config.pop('val_cfg')
    model = run(config).model
    (log,) = folder.glob('*/*.log')
    return model, log.read_text()


def check(model, weights, head):
    """The model has these weights, its own where ``head`` is False."""
    wanted = converted(model, weights)
    for name, parameter in model.state_dict().items():
        if 'running' in name or 'num_batches' in name:
            continue
        if head or not name.startswith('head.'):
            assert torch.equal(parameter, wanted[name]), name


def subnet():
    """Two in three blocks are left out, or have expansion 3 where they cannot be."""
    init_default_scope('mmdsnas')
    blocks = blocks_of(build_architecture(elastic())).items()
    return {n: op.choices[-1 if k % 3 else 0] for k, (n, op) in enumerate(blocks)}


@pytest.mark.parametrize('classes', [CLASSES, CLASSES + 1])
def test_a_search(files, tmp_path, classes):
    algorithm, log = train(tmp_path, files[classes])
    weights = torch.load(files[classes], weights_only=True)['state_dict']
    check(algorithm.architecture, weights, head=classes == CLASSES)
    (line,) = [line for line in log.splitlines() if 'begins anew on' in line]
    # Neither the head, which is told by itself, nor the size is left out.
    assert 'does not fit' not in line and 'WARNING' not in line
    told = (
        'The head is made anew: the checkpoint has 4 classes, the model 3 '
        '(architecture.head.fc.weight, architecture.head.fc.bias).'
    )
    assert log.count(told) == (classes != CLASSES)


@pytest.mark.parametrize('classes', [CLASSES, CLASSES + 1])
def test_a_child(files, tmp_path, classes):
    child, log = train(tmp_path, files[classes], subnet())
    weights = torch.load(files[classes], weights_only=True)['state_dict']
    check(child, weights, head=classes == CLASSES)
    assert log.count('The head is made anew') == (classes != CLASSES)
    assert 'do not match' not in log


@pytest.mark.parametrize('fixed', [False, True])
def test_weights_that_do_not_fit(files, tmp_path, fixed):
    told = r'other.pth: .*layer3.1.conv.1.conv.weight has shape \(48, 1, 5, 5\)'
    with pytest.raises(CheckpointError, match=told):
        train(tmp_path, files['other'], subnet() if fixed else None)
