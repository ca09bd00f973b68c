"""The child of a config and a checkpoint."""

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmdsnas.models.weights import load_weights
from mmdsnas.registry import MODELS
from . import (
    Subnet,
    child_checkpoint,
    child_of_search,
    config_input_shape,
    is_of_search,
    recorded_subnet,
    sub_model,
    use_recorded_subnet,
    warn_of_unfinished,
)


def build_child(
    config: Config,
    checkpoint: Dict[str, Any],
    path: Union[str, Path],
    options: Optional[Mapping[str, Any]] = None,
) -> BaseModel:
    """Builds a child alone, with its weights.

    Args:
        config (Config): That of a search, of a child, or of any classifier.
        checkpoint (dict): Of a search or of a child, see
            ``mmdsnas.subnets.checkpoint.load_checkpoint``.
        path (str | Path): Where it came from, for messages.
        options (Mapping, optional): ``--cfg-options``; a ``model.fix_subnet`` among
            them counts.

    Returns:
        BaseModel: On the CPU, in eval mode.

    Raises:
        CheckpointError: The checkpoint belongs to another model.
        ConfigError: The model of the config cannot be built.
        SubnetError: The subnet belongs to another supernet.
    """
    init_default_scope(config.get('default_scope', 'mmdsnas'))
    model = config.model
    # As mmengine's Runner does it.
    if config.get('data_preprocessor') is not None:
        model.setdefault('data_preprocessor', config.data_preprocessor)
    if str(model.type).endswith('DSNAS'):
        child = sub_model(
            model.architecture,
            _subnet(model, checkpoint, path),
            input_shape=config_input_shape(model),
            data_preprocessor=model.get('data_preprocessor'),
        )
    else:
        use_recorded_subnet(model, checkpoint, dict(options or {}))
        child = MODELS.build(model)
    if is_of_search(checkpoint):
        weights = child_of_search(checkpoint['state_dict'], child.state_dict())
        checkpoint = {**checkpoint, 'state_dict': weights}
    load_weights(child, checkpoint, path)
    warn_of_unfinished(checkpoint, path)
    return child.eval()


def _subnet(
    model: Dict[str, Any], checkpoint: Dict[str, Any], path: Union[str, Path]
) -> Subnet:
    """The subnet that a checkpoint names, or that its ``alpha`` gives.

    Checkpoints of MMRazor name none.
    """
    recorded = recorded_subnet(checkpoint)
    if recorded is not None:
        return recorded
    search = MODELS.build(model)
    load_weights(search, checkpoint, path)
    return child_checkpoint(search)['meta']['subnet']
