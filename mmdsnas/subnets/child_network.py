"""Building a child: a supernet without the candidates that lost."""

from pathlib import Path
from typing import Any, Mapping

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmrazor.structures import load_fix_subnet

from mmdsnas.errors import CheckpointError, ConfigError, SubnetError
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.lazy import materialise
from mmdsnas.models.weights import load_weights
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import InputShape, PartConfig, Text, checked_options
from mmdsnas.utils.words import shown
from .child import child_of_search, is_of_search
from .ending import warn_of_unfinished
from .metadata import meta_of
from .recorded_config import config_input_shape
from .subnet import Subnet, check_subnet, read_subnet, subnet_of_path


@MODELS.register_module()
@checked_options
def sub_model(
    cfg: PartConfig,
    fix_subnet: Text | Path | Mapping[str, Any] | None = None,
    channels_last: bool = False,
    input_shape: InputShape | None = None,
    data_preprocessor: dict | None = None,
    init_cfg: dict | None = None,
) -> BaseModel:
    """Builds a child alone.

    Unlike MMRazor's ``sub_model`` it reads the file without running code in it, checks
    it, and takes the ``data_preprocessor`` that mmengine's Runner hands on.

    Args:
        cfg (dict): Config of the supernet's architecture.
        fix_subnet (str | Path | Mapping): Subnet file, or what it holds.
        channels_last (bool): See ``DSNAS``.
        input_shape (Sequence[int], optional): Shape of one image with batch size 1,
            for an architecture with lazy modules.
        data_preprocessor (dict, optional): The architecture gets it.
        init_cfg (dict, optional): Replaces the architecture's.

    Raises:
        ConfigError: ``fix_subnet`` is missing, or ``input_shape`` where a module is
            lazy, or there are two data preprocessors.
        SubnetError: It is no subnet file, or one of another supernet.
    """
    if fix_subnet is None:
        raise ConfigError(
            'model.fix_subnet must be the subnet file of the child, e.g. '
            '--cfg-options model.fix_subnet=WORK_DIR/subnet.yaml, but is None.'
        )
    subnet = read_subnet(fix_subnet)
    model = build_architecture(cfg, data_preprocessor)
    check_subnet(model, subnet)
    load_fix_subnet(model, {b: dict(chosen=c) for b, c in subnet.items()})
    materialise(model, input_shape, 'model.input_shape')
    if channels_last:
        model.to(memory_format=torch.channels_last)
    if init_cfg is not None:
        model.init_cfg = init_cfg
    return model


def build_child(
    config: Config,
    checkpoint: dict[str, Any],
    path: str | Path,
    options: Mapping[str, Any] | None = None,
) -> BaseModel:
    """Builds a child alone, with its weights.

    Args:
        config (Config): That of a search, of a child, or of any classifier.
        checkpoint (dict): Of a search or of a child, from ``load_checkpoint``.
        path (str | Path): Where it came from, for messages.
        options (Mapping, optional): See :func:`use_recorded_subnet`.

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
        subnet = recorded_subnet(checkpoint)
        if subnet is None:
            # Checkpoints of MMRazor name none: it is what alpha gives.
            search = MODELS.build(model)
            load_weights(search, checkpoint, path)
            subnet = subnet_of_path(search, search.mutator.derive_child())
        child = sub_model(
            model.architecture,
            subnet,
            input_shape=config_input_shape(model),
            data_preprocessor=model.get('data_preprocessor'),
        )
    else:
        use_recorded_subnet(model, checkpoint, options or {})
        child = MODELS.build(model)
    if is_of_search(checkpoint):
        weights = child_of_search(checkpoint['state_dict'], child)
        checkpoint = {**checkpoint, 'state_dict': weights}
    load_weights(child, checkpoint, path)
    warn_of_unfinished(checkpoint, path)
    return child.eval()


def recorded_subnet(checkpoint: Mapping[str, Any]) -> Subnet | None:
    """The subnet that a checkpoint names, None if it names none.

    Raises:
        CheckpointError: It names something else, such as a file to be read.
        SubnetError: An entry is wrong.
    """
    subnet = meta_of(checkpoint).get('subnet')
    if subnet is None:
        return None
    if not isinstance(subnet, Mapping):
        raise CheckpointError(
            'the subnet that a checkpoint names must map blocks to candidates, but is '
            f'{shown(subnet)}.'
        )
    return read_subnet(subnet)


def use_recorded_subnet(
    model_cfg: dict[str, Any], checkpoint: dict[str, Any], options: Mapping[str, Any]
) -> None:
    """Lets a child be built as its checkpoint says, whatever the config says.

    A ``sub_model`` is changed in place. ``model.fix_subnet`` of the command line goes
    first with a checkpoint of a search, which has the weights of every child.

    Raises:
        SubnetError: The checkpoint is of a child, and the option names another one.
    """
    recorded = recorded_subnet(checkpoint)
    if recorded is None or not model_cfg.type.endswith('sub_model'):
        return
    given = options.get('model.fix_subnet')
    if given is None:
        if model_cfg.get('fix_subnet') is not None:
            told = 'The child is that of the checkpoint, not model.fix_subnet.'
            print_log(told, 'current')
        model_cfg.fix_subnet = recorded
    elif not is_of_search(checkpoint) and read_subnet(given) != recorded:
        raise SubnetError(
            f'model.fix_subnet is {given}, but the checkpoint holds the weights of '
            'another subnet; leave the option out to take that.'
        )
