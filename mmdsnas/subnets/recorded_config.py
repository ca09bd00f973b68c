"""The config of a child that its file has, which may be anybody's.

mmengine imports whatever the path of an object names, and some classes of OpenMMLab
read files, as code even, while they are built. So that a file of somebody else runs no
code, it may name no more than the layers that a network is made of.
"""

import copy
import re
from functools import reduce
from operator import getitem
from typing import Any, Iterator, Mapping, Sequence

from mmcls.models import TIMMBackbone
from mmengine.config import Config
from mmengine.model import PretrainedInit
from mmengine.registry import Registry

from mmdsnas import registry
from mmdsnas.errors import CheckpointError
from mmdsnas.models.cost import INPUT_SHAPE
from mmdsnas.utils.config_values import type_name, values_in, values_of
from mmdsnas.utils.data_sets import data_sets, is_resized, pipeline_of, resized_pipeline
from mmdsnas.utils.plain import plain
from mmdsnas.utils.words import shown
from .metadata import meta_of

KEY = 'child_config'
SUB_MODEL = f'{registry.SCOPE}.sub_model'
# Where the layers, losses and transforms of OpenMMLab and of torch are. What is
# registered elsewhere is the caller's, who has imported it.
_PACKAGES = re.compile(
    r"""(?:
    mmcls\.(?:datasets\.transforms
        |models\.(?:backbones|classifiers\.image|heads|losses|necks|utils))
    |mmcv\.(?:cnn\.bricks|ops|transforms)
    |mmdsnas\.(?:datasets\.(?:kept_images|load_resized)
        |models\.(?:efficientnet_lite|elastic_blocks|mutables|official_network))
    |mmengine\.(?:model\.(?:base_model|weight_init)|utils\.dl_utils\.parrots_wrapper)
    |mmrazor\.models\.(?:losses|mutables
        |architectures\.(?:backbones|classifiers|dynamic_ops|heads|necks|ops))
    |torch\.nn
    )(?:\.|\Z)""",
    re.VERBOSE,
)
# Those among them that read files while they are built.
_READERS = (PretrainedInit, TIMMBackbone)
# Options that name files, or what opens them.
_FILES = ('cfg_path', 'checkpoint', 'fix_subnet', 'pretrained')
_BACKENDS = ('backend_args', 'file_client_args')
_DISK = (dict(backend='disk'), dict(backend='local'))
# What the parts of such a config have, and nothing else.
_PARTS = {
    (): {'default_scope', 'model', 'data_preprocessor', 'test_dataloader'},
    ('model',): {'type', 'cfg', 'channels_last', 'input_shape'},
    ('test_dataloader',): {'dataset'},
    ('test_dataloader', 'dataset'): {'pipeline'},
}


def child_config(
    config: Config, input_size: int | None = None
) -> dict[str, Any] | None:
    """The part of a config that a child needs, for the ``meta`` of a checkpoint.

    It is a config of plain values, whose model is a ``sub_model`` without its subnet.
    None for another model than a search or a child.

    Args:
        config (Config): Of a search or a child.
        input_size (int, optional): Edge of the child's images, if it was chosen.
    """
    model = config.get('model') or {}
    architecture = model.get('architecture', model.get('cfg'))
    if not isinstance(architecture, dict):
        return None
    loader = config.get('test_dataloader') or config.get('val_dataloader')
    preprocessor = model.get('data_preprocessor', config.get('data_preprocessor'))
    shape, pipeline = config_input_shape(model), pipeline_of(loader)
    if input_size and shape and input_size != shape[-1]:
        pipeline = resized_pipeline(pipeline, input_size)
        shape = (*shape[:2], input_size, input_size)
    return plain(
        dict(
            default_scope=config.get('default_scope', registry.SCOPE),
            model=dict(
                type=SUB_MODEL,
                cfg=_for_child(architecture),
                channels_last=model.get('channels_last', False),
                input_shape=shape,
            ),
            data_preprocessor=_for_child(preprocessor),
            test_dataloader=dict(dataset=dict(pipeline=pipeline)),
        )
    )


def use_recorded_pipeline(
    config: Config, checkpoint: Mapping[str, Any], trust_checkpoint: bool = False
) -> None:
    """Lets a child whose size of images was chosen have them as the search had.

    Raises:
        CheckpointError: See :func:`recorded_child_config`.
    """
    found = plain(meta_of(checkpoint).get(KEY))
    if not _is_child_config(found):
        return
    pipeline = found['test_dataloader']['dataset']['pipeline']
    if is_resized(pipeline):
        recorded_child_config(checkpoint, trust_checkpoint)
        for name in ('val_dataloader', 'test_dataloader'):
            for part in data_sets(config.get(name)).values():
                part['pipeline'] = copy.deepcopy(pipeline)


def config_input_shape(model: Mapping[str, Any]) -> Sequence[int] | None:
    """Shape of one image, by the config of a search or of a child."""
    if 'architecture' not in model:
        return model.get('input_shape')
    return (model.get('resource_estimator') or {}).get('input_shape', INPUT_SHAPE)


def recorded_child_config(
    checkpoint: Mapping[str, Any], trust_checkpoint: bool = False
) -> Config | None:
    """The config that a checkpoint has of its child, None if it has none.

    Raises:
        CheckpointError: It is no such config. Or it names what is no registered layer,
            or files, and is not trusted.
    """
    found = plain(meta_of(checkpoint).get(KEY))
    if found is None:
        return None
    if not _is_child_config(found):
        raise CheckpointError(
            f'{KEY} that a checkpoint records must be a config with model.cfg and '
            f'test_dataloader.dataset.pipeline, and of no other parts than a {KEY} '
            f'has, but is {shown(found)}.'
        )
    if not trust_checkpoint:
        network = [found['model']['cfg'], found.get('data_preprocessor')]
        pipeline = found['test_dataloader']['dataset']['pipeline']
        _check_scopes(found)
        _check_types(network, registry.MODELS, registry.WEIGHT_INITIALIZERS)
        _check_types(pipeline, registry.TRANSFORMS)
        _check_files([network, pipeline])
    return Config(found)


def _for_child(value: Any) -> Any:
    """Without what mixes batches in training, and files of initial weights."""
    if isinstance(value, dict):
        return {n: _for_child(p) for n, p in value.items() if not _is_of_training(n, p)}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_for_child, value))
    return value


def _is_of_training(name: str, part: Any) -> bool:
    if name == 'init_cfg':
        return any(type_name(inner) == 'Pretrained' for inner in values_in(part))
    return name in ('augments', 'batch_augments') or (
        name == 'pretrained' and isinstance(part, str)
    )


def _is_child_config(found: Any) -> bool:
    try:
        for place, known in _PARTS.items():
            if not dict(reduce(getitem, place, found)).keys() <= known:
                return False
        model, data = found['model'], found['test_dataloader']['dataset']
        sound = isinstance(model['cfg'], dict) and isinstance(data['pipeline'], list)
        return sound and model['type'] == SUB_MODEL
    except (LookupError, TypeError, ValueError):
        return False


def _check_scopes(found: dict[str, Any]) -> None:
    scopes = sorted({place.scope for place in _places(registry.MODELS)})
    for scope in [found.get('default_scope'), *values_of(found, '_scope_')]:
        if scope not in scopes:
            raise CheckpointError(
                'the scope that a checkpoint records must be one of '
                f'{", ".join(scopes)}, but is {shown(scope)}.'
            )


def _check_types(config: Any, *kinds: Registry) -> None:
    """Refuses names of what is not registered, or is no layer."""
    for name in values_of(config, 'type'):
        named = _named(str(name), kinds)
        if not named or not all(map(_is_layer, named)):
            remedy = 'trust the checkpoint' if named else 'import what registers it'
            raise CheckpointError(
                'the network that a checkpoint records must be made of registered '
                f'layers, losses and transforms, but has {shown(name)}; to build it '
                f'{remedy}.'
            )


def _check_files(config: Any) -> None:
    for name in (*_FILES, *_BACKENDS):
        for value in values_of(config, name):
            none = value is None or isinstance(value, bool)
            if not none and not (name in _BACKENDS and value in _DISK):
                raise CheckpointError(
                    'the network that a checkpoint records must name no files, but '
                    f'has {name}={shown(value)}; to build it trust the checkpoint.'
                )


def _named(kind: str, kinds: Sequence[Registry]) -> list[Any]:
    """All that a name may stand for, whatever scope it is looked up from."""
    scope, _, name = kind.rpartition('.')
    places = [place for registered in kinds for place in _places(registered)]
    if scope in (place.scope for place in places if scope != registry.SCOPE):
        # Others than our registries look in mmengine's alone, besides themselves.
        places = [place for place in places if place.scope in (scope, place.root.scope)]
    elif scope not in ('', registry.SCOPE):
        return []
    return [place.module_dict[name] for place in places if name in place.module_dict]


def _places(kind: Registry) -> Iterator[Registry]:
    kind.import_from_location()
    yield kind.root
    yield from kind.root.children.values()


def _is_layer(cls: Any) -> bool:
    module = getattr(cls, '__module__', None) or ''
    # Packages of OpenMMLab import each other, whether the caller wants them or not.
    if not module.startswith('mm') and module.partition('.')[0] != 'torch':
        return True
    return bool(_PACKAGES.match(module)) and cls not in _READERS
