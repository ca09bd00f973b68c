"""As what candidates for the child of one's own images are compared."""

import pytest
from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.run_config import TRAIN
from mmdsnas.launch.run_steps import set_deploy


def config_of(deploy, cost=None, hooks=('ChooseChildHook',)):
    return Config(
        dict(
            own_images=dict(deploy=deploy),
            model=dict(cost=cost),
            custom_hooks=[dict(type=name) for name in hooks],
        )
    )


def test_the_hook_gets_the_option():
    for cost in (dict(limit='50%'), dict(limits=[1, 2])):
        (hook,) = set_deploy(config_of('int8', cost), Given({})).custom_hooks
        assert hook.deploy == 'int8'
    (hook,) = set_deploy(config_of('float32'), Given({})).custom_hooks
    assert 'deploy' not in hook
    assert set_deploy in TRAIN


def test_what_would_be_ignored_is_refused():
    with pytest.raises(ConfigError, match='^own_images.deploy must be float32 wi.*lim'):
        set_deploy(config_of('int8', {}), Given({}))
    with pytest.raises(ConfigError, match='without a search in a pretrained network'):
        set_deploy(config_of('int8', dict(limit=3), hooks=()), Given({}))
