import pytest
from mmengine.config import Config

from mmdsnas.apis import train
from mmdsnas.errors import ConfigError
from mmdsnas.utils.paths import find_config
from tests.test_tools.conftest import DIGITS


def test_a_search_that_nothing_tells_the_epoch_is_refused_before_all_else(tmp_path):
    config = Config.fromfile(str(find_config(DIGITS)))
    config.custom_hooks = [
        hook for hook in config.custom_hooks if hook.type != 'SearchStageHook'
    ]
    with pytest.raises(ConfigError, match='custom_hooks must have .*SearchStageHook'):
        train(config, tmp_path / 'work')
    assert not (tmp_path / 'work').exists()
