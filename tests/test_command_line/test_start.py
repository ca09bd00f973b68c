"""What a run takes from the checkpoint that it starts from."""

import pytest
import torch
from mmengine.config import Config

from mmdsnas.command_line import run_config
from mmdsnas.errors import CheckpointError, ConfigError, SubnetError
from mmdsnas.utils.checkpoint import check_weights, last_lr

SUBNET = {'backbone.layers.0.0': 'shuffle_3x3'}


def child_config(**more):
    optimizer = dict(type='SGD', lr=None)
    return Config(
        dict(
            model=dict(type='sub_model', fix_subnet=None),
            optim_wrapper=dict(optimizer=optimizer),
            load_from=None,
            **more,
        )
    )


@pytest.fixture
def saved(tmp_path):
    def save(**content):
        path = tmp_path / 'x.pth'
        torch.save(dict(state_dict={}, **content), path)
        return str(path)

    return save


def of_search(lr):
    groups = [dict(lr=lr, params=[0]), dict(lr=9.0, params=[1])]
    return dict(architecture=dict(param_groups=groups), mutator=dict())


@pytest.mark.parametrize(
    'content',
    [
        dict(optimizer=of_search(0.3)),
        dict(optimizer=of_search(0.3)['architecture']),
        dict(meta=dict(lr=0.3)),
        dict(optimizer=of_search(0.3), meta=dict(lr=7.0)),
    ],
)
def test_last_learning_rate(saved, content):
    assert last_lr(content) == 0.3
    config = child_config()
    config.load_from = saved(**content)
    run_config.start_from_checkpoint(config, None)
    assert config.optim_wrapper.optimizer.lr == 0.3


def test_learning_rate_that_is_given_stays(saved):
    config = child_config()
    config.optim_wrapper.optimizer.lr = 0.1
    config.load_from = saved(meta=dict(lr=0.3))
    run_config.start_from_checkpoint(config, None)
    assert config.optim_wrapper.optimizer.lr == 0.1


@pytest.mark.parametrize('from_file', [True, False])
def test_learning_rate_that_nothing_tells(saved, from_file):
    config = child_config()
    config.load_from = saved(meta={}) if from_file else None
    message = f'optim_wrapper.optimizer.lr is None.* but {config.load_from} has none'
    with pytest.raises(ConfigError, match=message):
        run_config.start_from_checkpoint(config, None)


def test_subnet(saved, tmp_path):
    config = child_config()
    config.load_from = saved(meta=dict(subnet=SUBNET, lr=0.1))
    run_config.start_from_checkpoint(config, {})
    assert dict(config.model.fix_subnet) == SUBNET
    other = tmp_path / 'other.yaml'
    other.write_text('backbone.layers.0.0: shuffle_5x5')
    with pytest.raises(SubnetError, match='weights of another subnet'):
        run_config.start_from_checkpoint(config, {'model.fix_subnet': str(other)})


def test_checkpoint_that_is_not_there(tmp_path):
    config = child_config()
    config.load_from = str(tmp_path / 'no.pth')
    with pytest.raises(CheckpointError, match='no.pth does not exist'):
        run_config.start_from_checkpoint(config, None)


def test_resume(tmp_path):
    """Without a checkpoint in the work dir the run starts as the config says."""
    config = child_config(work_dir=str(tmp_path), resume=False)
    config.load_from = 'search.pth'
    run_config.resume(config, 'auto')
    assert (config.resume, config.load_from) == (False, 'search.pth')
    (tmp_path / 'last_checkpoint').write_text('epoch_3.pth')
    run_config.resume(config, 'auto')
    assert (config.resume, config.load_from) == (True, 'epoch_3.pth')
    run_config.resume(config, 'epoch_2.pth')
    assert (config.resume, config.load_from) == (True, 'epoch_2.pth')


def test_weights_of_another_model():
    own = dict(a=torch.zeros(2), b=torch.zeros(3))
    check_weights(own, dict(own), 'x.pth')
    wrong = dict(a=torch.zeros(3), c=torch.zeros(1))
    message = (
        r'^checkpoint x.pth belongs to another model: a has shape \(3,\) instead of '
        r'\(2,\), b is missing, c is left over.$'
    )
    with pytest.raises(CheckpointError, match=message):
        check_weights(own, wrong, 'x.pth')
