"""Batch augmentations, such as Mixup, where a classifier of mmcls has them."""

from typing import Any, Dict, NamedTuple, Optional

from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name
from .given_options import Given

PREPROCESSOR = 'ClsDataPreprocessor'


class _Found(NamedTuple):
    where: str  # the architecture's place
    architecture: Dict[str, Any]
    preprocessor: Optional[Dict[str, Any]]
    augments: Dict[str, Any]  # by their places


def check_batch_augments(config: Config) -> None:
    """Refuses batch augmentations of which mmcls would say nothing, or say it late.

    Raises:
        ConfigError: They are given twice, or do not fit the head.
    """
    where, architecture, _, augments = _find(config)
    if len(augments) > 1:
        raise ConfigError(
            f'batch augments must be given once, but are in {" and ".join(augments)}.'
        )
    head = architecture.get('head')
    if augments and isinstance(head, dict) and head.get('cal_acc'):
        raise ConfigError(
            f'{where}.head.cal_acc must be False where {", ".join(augments)} mixes '
            'labels, but is True.'
        )


def fill_classes_of_labels(config: Config, _: Given) -> Config:
    """Tells a preprocessor that mixes labels how many classes the head has."""
    architecture, preprocessor, augments = _find(config)[1:]
    if not augments:
        return config
    if preprocessor is None:
        architecture['data_preprocessor'] = {}
        # A config keeps a copy of what it is given.
        preprocessor = architecture['data_preprocessor']
    if preprocessor.get('num_classes') is None:
        head = architecture.get('head') or {}
        preprocessor['num_classes'] = head.get('num_classes')
    return config


def _find(config: Config) -> _Found:
    model = config.get('model') or {}
    name = 'architecture' if 'architecture' in model else 'cfg'
    architecture, where = model.get(name), f'model.{name}'
    if not isinstance(architecture, dict):
        return _Found(where, {}, None, {})
    augments: Dict[str, Any] = {}
    # In the order in which one of them counts.
    owners = {f'{where}.': architecture, 'model.': model, '': config}
    place, preprocessor = next(
        (
            (f'{owner}data_preprocessor.batch_augments', part['data_preprocessor'])
            for owner, part in owners.items()
            if isinstance(part.get('data_preprocessor'), dict)
        ),
        ('', None),
    )
    given = (preprocessor or {}).get('batch_augments')
    # Another one may mean something else by it.
    if given is not None and type_name(preprocessor) in ('', PREPROCESSOR):
        augments[place] = given
    train = architecture.get('train_cfg')
    if isinstance(train, dict) and 'augments' in train:
        augments[f'{where}.train_cfg'] = train
    return _Found(where, architecture, preprocessor, augments)
