"""What the file of a child says of how it is built and gets its images."""

from typing import Any, Dict, Mapping, Optional, Sequence

from mmengine.config import Config

from mmdsnas import registry
from mmdsnas.models.cost import INPUT_SHAPE
from mmdsnas.utils.config_values import type_name, values_in
from mmdsnas.utils.data_sets import pipeline_of
from mmdsnas.utils.plain import plain

KEY = 'child_config'
SUB_MODEL = f'{registry.SCOPE}.sub_model'


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
                type=SUB_MODEL,
                cfg=_without_files(architecture),
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


def _without_files(value: Any) -> Any:
    """Without the files of initial weights: a child has weights of its own."""
    if isinstance(value, dict):
        return {
            name: _without_files(part)
            for name, part in value.items()
            if not (name == 'pretrained' and isinstance(part, str))
            and not (name == 'init_cfg' and _is_pretrained(part))
        }
    if isinstance(value, (list, tuple)):
        return type(value)(map(_without_files, value))
    return value


def _is_pretrained(init_cfg: Any) -> bool:
    return any(type_name(part) == 'Pretrained' for part in values_in(init_cfg))
