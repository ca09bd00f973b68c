"""What a run takes from the checkpoint that it starts from."""

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmdsnas.errors import CheckpointError, ConfigError, SubnetError
from mmdsnas.launch import run_steps
from mmdsnas.launch.given_options import Given
from mmdsnas.models.weights import check_weights
from mmdsnas.subnets import ending
from mmdsnas.subnets.metadata import last_lr

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
    run_steps.start_from_checkpoint(config, Given())
    assert config.optim_wrapper.optimizer.lr == 0.3


def test_learning_rate_that_is_given_stays(saved):
    config = child_config()
    config.optim_wrapper.optimizer.lr = 0.1
    config.load_from = saved(meta=dict(lr=0.3))
    run_steps.start_from_checkpoint(config, Given())
    assert config.optim_wrapper.optimizer.lr == 0.1


@pytest.mark.parametrize('from_file', [True, False])
def test_learning_rate_that_nothing_tells(saved, from_file):
    config = child_config()
    config.load_from = saved(meta={}) if from_file else None
    message = f'optim_wrapper.optimizer.lr is None.* but {config.load_from} has none'
    with pytest.raises(ConfigError, match=message):
        run_steps.start_from_checkpoint(config, Given())


def test_subnet(saved, tmp_path):
    config = child_config()
    config.load_from = saved(meta=dict(subnet=SUBNET, lr=0.1))
    run_steps.start_from_checkpoint(config, Given())
    assert dict(config.model.fix_subnet) == SUBNET
    other = tmp_path / 'other.yaml'
    other.write_text('backbone.layers.0.0: shuffle_5x5')
    with pytest.raises(SubnetError, match='weights of another subnet'):
        run_steps.start_from_checkpoint(config, Given({'model.fix_subnet': str(other)}))


@pytest.mark.parametrize('kind', ['child', 'search'])
def test_child_of_a_search_that_is_not_finished(saved, monkeypatch, kind):
    """A second search takes other weights than those of the child."""
    told = []
    monkeypatch.setattr(ending, 'print_log', lambda text, *_: told.append(text))
    plan = dict(max_epochs=9, pretrain_epochs=1, finetune_epochs=5)
    config = child_config()
    if kind == 'search':
        config.optim_wrapper = dict(architecture={}, mutator={})
    config.load_from = saved(meta=dict(subnet=SUBNET, lr=0.1, epoch=3, plan=plan))
    run_steps.start_from_checkpoint(config, Given())
    assert len(told) == (kind == 'child') and all('3 of 9' in text for text in told)


def test_checkpoint_that_is_not_there(tmp_path):
    config = child_config()
    config.load_from = str(tmp_path / 'no.pth')
    with pytest.raises(CheckpointError, match='no.pth does not exist'):
        run_steps.start_from_checkpoint(config, Given())


def test_resume(tmp_path):
    """Without a checkpoint in the work dir the run starts as the config says."""
    config = child_config(work_dir=str(tmp_path), resume=False)
    config.load_from = 'search.pth'
    run_steps.resume(config, Given(resume=True))
    assert (config.resume, config.load_from) == (False, 'search.pth')
    latest = str(tmp_path / 'epoch_3.pth')
    torch.save(dict(state_dict={}), latest)
    (tmp_path / 'last_checkpoint').write_text(latest)
    run_steps.resume(config, Given(resume=True))
    assert (config.resume, config.load_from) == (True, latest)
    run_steps.resume(config, Given(resume='epoch_2.pth'))
    assert (config.resume, config.load_from) == (True, 'epoch_2.pth')


def test_resume_of_weights_alone(saved):
    config = child_config(work_dir='x')
    run_steps.resume(config, Given(resume=saved(meta=dict(lr=0.1))))
    with pytest.raises(CheckpointError, match='cannot be resumed, because it lacks'):
        run_steps.start_from_checkpoint(config, Given())


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


def of_search_file():
    names = ('architecture.backbone.x', 'mutator._arch_params.module_0')
    return {name: torch.zeros(1) for name in names}


def test_search_has_the_weights_of_every_subnet(tmp_path):
    """Any may be named on the command line; else it is that of the search."""
    path = str(tmp_path / 'search.pth')
    meta = dict(subnet=SUBNET, lr=0.1)
    torch.save(dict(state_dict=of_search_file(), meta=meta), path)
    other = tmp_path / 'other.yaml'
    other.write_text('backbone.layers.0.0: shuffle_5x5')
    config = child_config()
    config.load_from = path
    config.model.fix_subnet = str(other)
    run_steps.start_from_checkpoint(config, Given({'model.fix_subnet': str(other)}))
    assert config.model.fix_subnet == str(other)
    for in_the_file in (None, str(other)):
        config.model.fix_subnet = in_the_file
        run_steps.start_from_checkpoint(config, Given())
        assert dict(config.model.fix_subnet) == SUBNET


@pytest.mark.parametrize('searching', [True, False])
def test_resume_of_the_other_kind(tmp_path, searching):
    path = str(tmp_path / 'x.pth')
    weights = {'backbone.x': torch.zeros(1)} if searching else of_search_file()
    torch.save(dict(state_dict=weights, meta=dict(lr=0.1)), path)
    config = child_config()
    if searching:
        config.optim_wrapper = dict(mutator=dict(), architecture=dict())
    run_steps.resume(config, Given(resume=path))
    wanted, given = ('a search', 'a child') if searching else ('a child', 'a search')
    message = f'--resume must be a checkpoint of {wanted}, .* is one of {given}; to beg'
    with pytest.raises(ConfigError, match=message):
        run_steps.start_from_checkpoint(config, Given())


def test_resume_without_a_checkpoint_is_told(tmp_path):
    config = child_config(work_dir=str(tmp_path), resume=False)
    logger = MMLogger.get_current_instance()
    lines = []
    logger.addFilter(lambda record: lines.append(record.getMessage()) or True)
    run_steps.resume(config, Given(resume=True))
    assert any(f'no checkpoint in {tmp_path} to resume' in line for line in lines)


@pytest.mark.parametrize('given', [{}, dict(seed=None), dict(seed=5, deterministic=1)])
def test_a_resumed_run_keeps_its_seed(saved, given):
    """Before the Runner is built, and with it the sampler that shuffles by it."""
    path = saved(
        optimizer={},
        message_hub={},
        meta=dict(epoch=1, iter=2, seed=7),
    )
    config = child_config(resume=True, randomness=given)
    config.optim_wrapper.optimizer.lr = 0.1
    config.load_from = path
    run_steps.start_from_checkpoint(config, Given())
    assert config.randomness == {**given, 'seed': 7}
    config = child_config(randomness=given)
    config.optim_wrapper.optimizer.lr = 0.1
    config.load_from = path
    run_steps.start_from_checkpoint(config, Given())
    assert config.randomness == given


@pytest.mark.parametrize('resumes', [True, False])
def test_a_used_work_dir_is_told(saved, tmp_path, monkeypatch, resumes):
    told = []
    monkeypatch.setattr(run_steps, 'print_log', lambda text, *a, **k: told.append(text))
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    config = child_config(work_dir=str(tmp_path), resume=resumes)
    config.optim_wrapper.optimizer.lr = 0.1
    run_steps.start_from_checkpoint(config, Given())
    assert [t for t in told if 'of another run' in t] == ([] if resumes else [told[0]])
