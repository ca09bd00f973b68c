import pytest

from mmdsnas.errors import ConfigError
from mmdsnas.launch.images import input_size
from mmdsnas.launch.run_config import load_config


@pytest.mark.parametrize(
    'config, size',
    [
        ('dsnas_subnet_1xb64_digits', (64, 64)),
        ('dsnas_subnet_1xb128_fashion-mnist', (32, 32)),
        ('dsnas_subnet_1xb64_folder', (96, 96)),
        ('dsnas_subnet_8xb128_in1k', (224, 224)),
    ],
)
def test_configs(config, size):
    loaded = load_config(config, resolve=False)
    assert input_size(loaded.test_dataloader.dataset.pipeline) == size


def test_scale_is_width_and_height():
    pipeline = [dict(type='Resize', scale=(30, 20)), dict(type='mmcls.PackClsInputs')]
    assert input_size(pipeline) == (20, 30)
    assert input_size([*pipeline, dict(type='mmcls.CenterCrop', crop_size=8)]) == (8, 8)


@pytest.mark.parametrize('size', [(224, -1), -1])
def test_size_that_depends_on_the_image(size):
    with pytest.raises(ConfigError, match='give it by --shape'):
        input_size([dict(type='Resize', scale=size), dict(type=dict, scale=3)])


def test_unknown():
    with pytest.raises(ConfigError, match='CenterCrop.*give it by --shape'):
        input_size([dict(type='mmcls.PackClsInputs')])
