from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

import torch
from mmengine.model import BaseModel
from mmrazor.structures import load_fix_subnet

from mmdsnas.errors import ConfigError
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.lazy import materialise
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import InputShape, PartConfig, Text, checked_options
from .subnet import check_subnet, read_subnet


@MODELS.register_module()
@checked_options
def sub_model(
    cfg: PartConfig,
    fix_subnet: Union[Text, Path, Mapping[str, Any], None] = None,
    channels_last: bool = False,
    input_shape: Optional[InputShape] = None,
    data_preprocessor: Optional[Dict] = None,
    init_cfg: Optional[Dict] = None,
) -> BaseModel:
    """Builds a child alone: a supernet without the candidates that lost.

    MMRazor's ``sub_model`` parses the file with a YAML loader that can run
    code, fails with a KeyError on a subnet of another supernet, and drops the
    ``data_preprocessor`` that mmengine's Runner hands on; here the file is
    loaded safely and checked against the supernet first.

    Args:
        cfg (dict): Config of the supernet's architecture.
        fix_subnet (str | Path | Mapping): Subnet file, or what it holds.
        channels_last (bool): See ``DSNAS``.
        input_shape (Sequence[int], optional): Shape of one image with batch size 1,
            for an architecture with lazy modules.
        data_preprocessor (dict, optional): The architecture gets it.
        init_cfg (dict, optional): Replaces the architecture's, e.g.
            ``dict(type='Pretrained', checkpoint='subnet.pth')``.

    Returns:
        BaseModel: The child; its initial weights are set by ``init_weights``,
        which mmengine's Runner calls.

    Raises:
        ConfigError: ``fix_subnet`` is missing, or ``input_shape`` where a module is
            lazy, or there are two data preprocessors.
        SubnetError: It is no subnet file, or one of another supernet.
    """
    if fix_subnet is None:
        raise ConfigError(
            'model.fix_subnet must be the subnet file of the child, e.g. '
            '--cfg-options model.fix_subnet=WORK_DIR/subnet.yaml, but is '
            'None.'
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
