"""The image folders that a config reads, alone or inside other data sets."""

import os
from typing import Any, Dict

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdsnas.datasets import FolderContents, find_classes
from mmdsnas.datasets.class_folders import split_folders
from mmdsnas.errors import ConfigError
from mmdsnas.registry import DATASETS, SCOPE
from mmdsnas.utils.config_values import type_name, values_in
from mmdsnas.utils.data_sets import data_sets, loaders
from .given_options import Given


def fill_num_classes(config: Config, given: Given) -> Config:
    """Counts the class folders for every ``num_classes=None`` of the model.

    Raises:
        ConfigError: ``num_classes`` is None, but the data set has no class
            folders to count, and there is no number of a checkpoint.
    """
    unset = [
        value
        for value in values_in(config.get('model'))
        if isinstance(value, dict) and value.get('num_classes', 0) is None
    ]
    if not unset:
        return config
    number = given.num_classes
    folders = list(image_folders(config).values())
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
    """Lets ``split='test'`` mean val where a folder has no images to test on.

    Folders that are not there are left alone.
    """
    for dataset in image_folders(config).values():
        folder = os.path.expanduser(dataset.get('data_root') or '')
        if dataset.get('split') == 'test' and os.path.isdir(folder):
            dataset.split = 'test' if 'test' in split_folders(folder) else 'val'
    return config


def image_folders(config: Config) -> Dict[str, Dict[str, Any]]:
    """The image folders of all data loaders, by the names of their options."""
    return {
        f'{name}.{part.where}': part.config
        for name, loader in loaders(config).items()
        for part in data_sets(loader)
        if type_name(part.config) == 'ImageFolder'
    }


def training_folder(config: Config) -> str:
    """The one folder whose images are trained on.

    Raises:
        ConfigError: There are several, or other data sets.
    """
    parts = list(data_sets(config.train_dataloader))
    roots = {part.config.get('data_root') for part in parts}
    kinds = {type_name(part.config) for part in parts}
    if len(roots) == 1 and kinds == {'ImageFolder'}:
        return roots.pop()
    found = [' of '.join((*part.around, str(part.config.type))) for part in parts]
    raise ConfigError(
        'own_images must be None where the training data are no ImageFolder, or '
        f'several of them, but are a {" and a ".join(found)}.'
    )


def images_of_an_epoch(config: Config, found: FolderContents) -> int:
    """Images that an epoch shows; a data set around a folder may repeat some."""
    parts = list(data_sets(config.train_dataloader))
    if not any(part.around for part in parts):
        return sum(found.images['train'].values())
    scope = config.get('default_scope') or SCOPE
    with DefaultScope.overwrite_default_scope(scope):
        return len(DATASETS.build(config.train_dataloader.dataset))
