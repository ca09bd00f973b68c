import pytest
from mmengine.config import Config

from mmdsnas import train
from mmdsnas.errors import ConfigError
from mmdsnas.utils.paths import find_config
from tests.test_tools.conftest import DIGITS


def test_a_search_that_nothing_tells_the_epoch_is_refused_before_all_else(tmp_path):
    config = Config.fromfile(str(find_config(DIGITS)))
    config.default_hooks.search_stage = None
    with pytest.raises(ConfigError, match='default_hooks must have search_stage='):
        train(config, tmp_path / 'work')
    assert not (tmp_path / 'work').exists()


def test_data_that_cannot_be_built_are_told_in_a_sentence(tmp_path):
    images = dict(
        _delete_=True, type='mmcls.CustomDataset', data_prefix=str(tmp_path / 'none')
    )
    options = {'train_dataloader.dataset': images, 'train_dataloader.num_workers': 0}
    with pytest.raises(ConfigError, match='train_dataloader.dataset: .*none'):
        train(DIGITS, tmp_path / 'work', options=options)
    assert not (tmp_path / 'work').exists()
