"""The images that a config reads: their folders, classes and sizes."""

import os
from typing import Any, Sequence

from mmengine.config import Config

from mmdsnas.datasets import find_classes
from mmdsnas.datasets.class_folders import split_folders
from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name, values_in
from mmdsnas.utils.data_sets import data_sets, loaders, pipeline_of
from .given_options import Given

# Transforms that set the size of an image, and their option.
SIZES = dict(Resize='scale', CenterCrop='crop_size', Pad='size')


def image_folders(config: Config) -> dict[str, dict[str, Any]]:
    """The image folders of all data loaders, by the names of their options."""
    return {
        f'{name}.{where}': part
        for name, loader in loaders(config).items()
        for where, part in data_sets(loader).items()
        if type_name(part) == 'ImageFolder'
    }


def fill_num_classes(config: Config, given: Given) -> Config:
    """Sets every ``num_classes=None`` of the model to the number of class folders."""
    unset = [
        value
        for value in values_in(config.get('model'))
        if isinstance(value, dict) and value.get('num_classes', 0) is None
    ]
    if not unset:
        return config
    number, folders = given.num_classes, list(image_folders(config).values())
    if not number and folders:
        number = len(find_classes(folders[0].data_root))
    if not number:
        raise ConfigError(
            'num_classes of the model is None, which means as many classes as '
            'there are folders, but no data set of the config is an ImageFolder; '
            'set num_classes.'
        )
    for part in unset:
        part['num_classes'] = number
    return config


def fill_test_split(config: Config, _: Given) -> Config:
    """Lets ``split='test'`` mean val where a folder has no images to test on."""
    for dataset in image_folders(config).values():
        folder = os.path.expanduser(dataset.get('data_root') or '')
        if dataset.get('split') == 'test' and os.path.isdir(folder):
            dataset.split = 'test' if 'test' in split_folders(folder) else 'val'
    return config


def input_size(pipeline: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Height and width that the last transform of a pipeline that sets a size sets.

    Raises:
        ConfigError: No transform does.
    """
    size: Any = None
    for transform in pipeline:
        option = SIZES.get(type_name(transform))
        size = transform.get(option, size) if option else size
    width, height = (size, size) if isinstance(size, int) else (size or (0, 0))
    if min(width, height) < 1:
        raise ConfigError(
            'the test pipeline of the config has no '
            f'{", ".join(SIZES)} that tells the size of its images; give it by --shape.'
        )
    return height, width


def input_channels(config: Config) -> int:
    """Channels of the images that the network of a config gets.

    Those that the test pipeline loads, or ``resource_estimator.input_shape`` says; as
    many as ``mean`` has where the data preprocessor makes more of one.
    """
    model = config.model
    estimator = model.get('resource_estimator') or {}
    _, channels, *_ = estimator.get('input_shape', (1, 3, 224, 224))
    pipeline = pipeline_of(config.get('test_dataloader'))
    if any(str(step.get('color_type')).startswith('gray') for step in pipeline):
        channels = 1
    preprocessor = model.get('data_preprocessor', config.get('data_preprocessor'))
    return max(channels, len((preprocessor or {}).get('mean') or ()))
