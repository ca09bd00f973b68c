"""What a run takes from the checkpoint that it starts from."""

import pytest
import torch
from mmengine.config import Config

from mmdsnas.errors import CheckpointError, ConfigError, SubnetError
from mmdsnas.launch import run_steps
from mmdsnas.launch.given_options import Given
from mmdsnas.models.weights import check_weights
from mmdsnas.subnets import ending
from mmdsnas.subnets.metadata import last_lr

SUBNET = {'backbone.layers.0.0': 'shuffle_3x3'}


def child_config(lr=None, **more):
    return Config(
        dict(
            model=dict(type='sub_model', fix_subnet=None),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=lr)),
            **{'load_from': None, **more},
        )
    )


def start(config, **options):
    """The config when its first checkpoint was read."""
    run_steps.start_from_checkpoint(config, Given(options))
    return config


@pytest.fixture
def told(monkeypatch):
    """What the log is told."""
    lines = []
    for module in (run_steps, ending):
        monkeypatch.setattr(module, 'print_log', lambda *a, **_: lines.append(a[0]))
    return lines


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
    for lr in (None, 0.1):
        config = start(child_config(lr, load_from=saved(**content)))
        assert config.optim_wrapper.optimizer.lr == (lr or 0.3)


@pytest.mark.parametrize('from_file', [True, False])
def test_learning_rate_that_nothing_tells(saved, from_file):
    path = saved(meta={}) if from_file else None
    message = f'optim_wrapper.optimizer.lr is None.* but {path} has none'
    with pytest.raises(ConfigError, match=message):
        start(child_config(load_from=path))


@pytest.mark.parametrize('kind', ['child', 'search'])
def test_child_of_a_search_that_is_not_finished(saved, told, kind):
    """A second search takes other weights than those of the child."""
    plan = dict(max_epochs=9, pretrain_epochs=1, finetune_epochs=5)
    meta = dict(subnet=SUBNET, lr=0.1, epoch=3, plan=plan)
    config = child_config(0.1, load_from=saved(meta=meta))
    if kind == 'search':
        config.optim_wrapper = dict(architecture={}, mutator={})
    start(config)
    assert len(told) == (kind == 'child') and all('3 of 9' in text for text in told)


def test_checkpoint_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match='no.pth does not exist'):
        start(child_config(load_from=str(tmp_path / 'no.pth')))


def test_resume(tmp_path, told):
    """Without a checkpoint in the work dir the run starts as the config says."""
    config = child_config(work_dir=str(tmp_path), resume=False, load_from='search.pth')
    latest = str(tmp_path / 'epoch_3.pth')
    for given, found in ((True, None), (True, latest), ('epoch_2.pth', 'epoch_2.pth')):
        run_steps.resume(config, Given(resume=given))
        wanted = found or 'search.pth'
        assert (config.resume, config.load_from) == (bool(found), wanted)
        torch.save(dict(state_dict={}), latest)
        (tmp_path / 'last_checkpoint').write_text(latest)
    (text,) = told
    assert f'no checkpoint in {tmp_path} to resume' in text


def test_resume_of_weights_alone(saved):
    config = child_config(resume=True, load_from=saved(meta=dict(lr=0.1)))
    with pytest.raises(CheckpointError, match='cannot be resumed, because it lacks'):
        start(config)


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


@pytest.mark.parametrize('searching', [True, False])
def test_subnet_of_a_checkpoint(tmp_path, searching):
    """A search has the weights of every subnet; any may be named as an option."""
    path, other = str(tmp_path / 'x.pth'), str(tmp_path / 'other.yaml')
    weights = of_search_file() if searching else {}
    torch.save(dict(state_dict=weights, meta=dict(subnet=SUBNET, lr=0.1)), path)
    (tmp_path / 'other.yaml').write_text('backbone.layers.0.0: shuffle_5x5')
    for in_the_file in (None, other):
        config = child_config(load_from=path)
        config.model.fix_subnet = in_the_file
        assert dict(start(config).model.fix_subnet) == SUBNET
    config.model.fix_subnet = other
    if searching:
        assert start(config, **{'model.fix_subnet': other}).model.fix_subnet == other
    else:
        with pytest.raises(SubnetError, match='weights of another subnet'):
            start(config, **{'model.fix_subnet': other})


@pytest.mark.parametrize('searching', [True, False])
def test_resume_of_the_other_kind(tmp_path, searching):
    path = str(tmp_path / 'x.pth')
    weights = {'backbone.x': torch.zeros(1)} if searching else of_search_file()
    torch.save(dict(state_dict=weights, meta=dict(lr=0.1)), path)
    config = child_config(resume=True, load_from=path)
    if searching:
        config.optim_wrapper = dict(mutator=dict(), architecture=dict())
    wanted, given = ('a search', 'a child') if searching else ('a child', 'a search')
    with pytest.raises(ConfigError, match=f'^--resume .*{wanted}, .* one of {given};'):
        start(config)


@pytest.mark.parametrize('given', [{}, dict(seed=None), dict(seed=5, deterministic=1)])
def test_a_resumed_run_keeps_its_seed(saved, given):
    """Before the Runner is built, and with it the sampler that shuffles by it."""
    path = saved(optimizer={}, message_hub={}, meta=dict(epoch=1, iter=2, seed=7))
    for more, wanted in ((dict(resume=True), {**given, 'seed': 7}), ({}, given)):
        config = child_config(0.1, load_from=path, randomness=given, **more)
        assert start(config).randomness == wanted


@pytest.mark.parametrize('resumes', [True, False])
def test_a_used_work_dir_is_told(tmp_path, told, resumes):
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    start(child_config(0.1, work_dir=str(tmp_path), resume=resumes))
    assert ['of another run' in text for text in told] == [True] * (not resumes)
