"""Batch augmentations, such as Mixup, where a classifier of mmcls has them."""

import copy
from typing import Any, Dict, NamedTuple, Optional

from mmcls.models import RandomBatchAugment
from mmengine.config import Config

from mmdsnas.utils.config_values import type_name
from .config_parts import Parts

PREPROCESSOR = 'ClsDataPreprocessor'


class _Found(NamedTuple):
    where: str  # the architecture's place
    architecture: Dict[str, Any]
    preprocessor: Optional[Dict[str, Any]]
    augments: Dict[str, Any]  # by their places


def check_batch_augments(parts: Parts, config: Config) -> None:
    """Checks batch augmentations by building them, and what they ask of the head."""
    where, architecture, _, augments = _find(config)
    for place, given in augments.items():
        try:
            RandomBatchAugment(**copy.deepcopy(given))
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            reason = str(error).partition('. ')[0].strip('\'"') or 'a value is wrong'
            parts.note(place, f'must be batch augments of mmcls, but {reason}')
    if len(augments) > 1:
        parts.problems.append(
            f'batch augments must be given once, but are in {" and ".join(augments)}'
        )
    head = architecture.get('head')
    if augments and isinstance(head, dict) and head.get('cal_acc'):
        what = f'must be False where {", ".join(augments)} mixes labels, but is True'
        parts.note(f'{where}.head.cal_acc', what)


def fill_classes_of_labels(config: Config) -> None:
    """Tells a preprocessor that mixes labels how many classes the head has."""
    _, architecture, preprocessor, augments = _find(config)
    if augments:
        if preprocessor is None:
            architecture['data_preprocessor'] = {}
            # A config keeps a copy of what it is given.
            preprocessor = architecture['data_preprocessor']
        if preprocessor.get('num_classes') is None:
            head = architecture.get('head') or {}
            preprocessor['num_classes'] = head.get('num_classes')


def _find(config: Config) -> _Found:
    model = config.get('model')
    model = model if isinstance(model, dict) else {}
    name = 'architecture' if 'architecture' in model else 'cfg'
    architecture, where = model.get(name), f'model.{name}'
    if not isinstance(architecture, dict):
        return _Found(where, {}, None, {})
    # In the order in which one of them counts.
    owners = {where: architecture, 'model': model, '': config}
    augments: Dict[str, Any] = {}
    for owner, part in owners.items():
        preprocessor = part.get('data_preprocessor')
        if isinstance(preprocessor, dict):
            kind = type_name(preprocessor) or PREPROCESSOR
            mixes = preprocessor.get('batch_augments') is not None
            # Another one may mean something else by it.
            if mixes and kind == PREPROCESSOR:
                place = f'{owner}.data_preprocessor.batch_augments'.lstrip('.')
                augments[place] = preprocessor['batch_augments']
            break
        preprocessor = None
    train = architecture.get('train_cfg')
    if isinstance(train, dict) and 'augments' in train:
        augments[f'{where}.train_cfg'] = train
    return _Found(where, architecture, preprocessor, augments)
