"""What a checkpoint says of how its child is built and gets its images."""

from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Set, Tuple

from mmengine.config import Config

from mmdsnas import registry
from mmdsnas.errors import CheckpointError
from mmdsnas.models.cost import INPUT_SHAPE
from mmdsnas.options.checkers import shown
from mmdsnas.utils.checkpoint import meta_of
from mmdsnas.utils.data_sets import pipeline_of
from mmdsnas.utils.plain import plain

KEY = 'child_config'


def child_config(config: Config) -> Optional[Dict[str, Any]]:
    """The part of a config that a child needs, for the ``meta`` of a checkpoint.

    Args:
        config (Config): Of a search, or of a child alone; its number of classes is
            filled in.

    Returns:
        dict, optional: A config of plain values with ``model`` (a ``sub_model``
        without its subnet), ``data_preprocessor``, ``default_scope`` and the
        pipeline of ``test_dataloader``; None for another model.
    """
    model = config.get('model') or {}
    architecture = model.get('architecture', model.get('cfg'))
    if not isinstance(architecture, dict):
        return None
    loader = config.get('test_dataloader') or config.get('val_dataloader')
    pipeline = pipeline_of(loader)
    preprocessor = model.get('data_preprocessor', config.get('data_preprocessor'))
    architecture, preprocessor = map(_without_augments, (architecture, preprocessor))
    return plain(
        dict(
            default_scope=config.get('default_scope', registry.SCOPE),
            model=dict(
                type='mmdsnas.sub_model',
                cfg=architecture,
                channels_last=model.get('channels_last', False),
                input_shape=config_input_shape(model),
            ),
            data_preprocessor=preprocessor,
            test_dataloader=dict(dataset=dict(pipeline=pipeline)),
        )
    )


def config_input_shape(model: Mapping[str, Any]) -> Optional[Sequence[int]]:
    """Shape of one image, by the config of a search or of a child."""
    if 'architecture' not in model:
        return model.get('input_shape')
    return (model.get('resource_estimator') or {}).get('input_shape', INPUT_SHAPE)


def _without_augments(part: Any) -> Any:
    """Without what mixes batches in a training, whose classes may be anybody's."""
    if not isinstance(part, dict):
        return part
    inside = {
        name: _without_augments(part[name])
        for name in ('data_preprocessor', 'train_cfg')
        if name in part
    }
    kept = {k: v for k, v in part.items() if k not in ('augments', 'batch_augments')}
    return {**kept, **inside}


def recorded_child_config(
    checkpoint: Mapping[str, Any], trust_checkpoint: bool = False
) -> Optional[Config]:
    """The config that a checkpoint has of its child.

    mmengine imports whatever the path of an object names. So that a file of somebody
    else runs no code, only what is registered may be named here.

    Args:
        checkpoint (Mapping): From ``mmdsnas.utils.checkpoint.load_checkpoint``.
        trust_checkpoint (bool): Whether it may name anything that can be imported.

    Returns:
        Config, optional: See :func:`child_config`; None where there is none.

    Raises:
        CheckpointError: It is no such config, or names what is not registered.
    """
    found = meta_of(checkpoint).get(KEY)
    if found is None:
        return None
    try:
        found = plain(found)
        config = Config(found)
        pipeline = config.test_dataloader.dataset.pipeline
        sound = isinstance(config.model.cfg, dict) and isinstance(pipeline, list)
    except (AttributeError, KeyError, TypeError):
        sound = False
    if not sound:
        raise CheckpointError(
            f'{KEY} that a checkpoint records must be a config with model.cfg and '
            f'test_dataloader.dataset.pipeline, but is {shown(found)}.'
        )
    if trust_checkpoint:
        return config
    scopes, names = _registered()
    for scope in [found.get('default_scope'), *_values(found, '_scope_')]:
        if scope not in scopes:
            raise CheckpointError(
                'the scope that a checkpoint records must be one of '
                f'{", ".join(sorted(scopes))}, but is {shown(scope)}.'
            )
    for kind in _values(found, 'type'):
        scope, _, name = str(kind).rpartition('.')
        if name not in names or scope not in {'', *scopes}:
            raise CheckpointError(
                'the network that a checkpoint records must be made of registered '
                f'classes, but has {shown(kind)}; import what registers it first, '
                'or trust the checkpoint.'
            )
    return config


def _registered() -> Tuple[Set[str], Set[str]]:
    """Scopes, and names of what a network and a pipeline are built from."""
    scopes, names = set(), set()
    for kind in (registry.MODELS, registry.TRANSFORMS, registry.WEIGHT_INITIALIZERS):
        kind.import_from_location()
        for place in (kind.root, *kind.root.children.values()):
            scopes.add(place.scope)
            names |= set(place.module_dict)
    return scopes, names


def _values(value: Any, name: str) -> Iterator[Any]:
    """All values of an option in a config."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _values(part, name)
