"""What is measured: a search of a config, its batch, and the children on its paths."""

from dataclasses import dataclass
from typing import Any

import torch
from mmcls.structures import ClsDataSample
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

# Registers everything that the configs name.
import mmdsnas.engine  # noqa: F401
import mmdsnas.subnets  # noqa: F401
from mmdsnas.launch.run_config import load_config

BLOCK = 'mmdsnas.OneHotMutableOP'
SEED = 0


@dataclass(frozen=True)
class Workload:
    """The arguments of all measurements, the same for every variant.

    Attributes:
        config (str): A search config of ShuffleNetV2 blocks: its path or name.
        device (str): ``'cpu'`` or ``'cuda'``.
        batch_size (int): Images per step.
        image_size (int): Height and width of the images.
        dtype (str): ``'float32'``, or ``'bfloat16'`` by autocast.
        num_paths (int): Paths that the rounds take in turn.
        candidates (int, optional): So many copies of the first candidate stand in
            every block; by default the blocks are the config's.
        blocks (int, optional): Number of blocks, a multiple of 5; by default the
            config's.
        channels_last (bool): The option of the model.
    """

    config: str
    device: str = 'cpu'
    batch_size: int = 16
    image_size: int = 224
    dtype: str = 'float32'
    num_paths: int = 4
    candidates: int | None = None
    blocks: int | None = None
    channels_last: bool = False

    def load(self) -> Config:
        """The config of a search that trains ``alpha`` from epoch 0.

        ``alpha``'s learning rate is 0: all work is done and the distribution stays,
        so that the paths of all rounds are known before. That of the weights is
        scaled to the batch, so that no step is left out for a loss that overflows.
        """
        # Parameter groups are logged one by one otherwise.
        MMLogger.get_instance('speed', log_level='ERROR')
        config = load_config(self.config, resolve=False)
        init_default_scope(config.default_scope)
        config.model.pretrain_epochs = 0
        config.model.channels_last = self.channels_last
        shape = (1, 3, self.image_size, self.image_size)
        config.model.setdefault('resource_estimator', {})['input_shape'] = shape
        optimizers = config.optim_wrapper
        optimizers.mutator.optimizer.lr = 0.0
        whole = config.get('auto_scale_lr', {}).get('base_batch_size', self.batch_size)
        optimizers.architecture.optimizer.lr *= self.batch_size / whole
        if self.dtype != 'float32':
            optimizers.amp = dict(dtype=self.dtype)
        if self.candidates is not None:
            _copy_first_candidate(config.model.architecture, self.candidates)
        if self.blocks is not None:
            _set_depth(config.model.architecture.backbone, self.blocks)
        return config

    def batch(self, num_classes: int) -> dict[str, Any]:
        """A batch as data loaders give it: bytes and labels, on the host.

        Args:
            num_classes (int): Of the labels.

        Returns:
            dict: ``inputs``, uint8 of shape ``(batch_size, 3, image_size,
            image_size)``, and ``data_samples``.
        """
        generator = torch.Generator().manual_seed(SEED)
        shape = (self.batch_size, 3, self.image_size, self.image_size)
        inputs = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        labels = torch.randint(num_classes, (self.batch_size,), generator=generator)
        samples = [ClsDataSample().set_gt_label(label) for label in labels.tolist()]
        return dict(inputs=inputs, data_samples=samples)

    def autocast(self) -> torch.autocast:
        """Mixed precision of the variants that have no option for it."""
        mixed = self.dtype != 'float32'
        return torch.autocast(self.device, torch.bfloat16, enabled=mixed)


def plain_dict(config: Config, *names: str) -> dict[str, Any]:
    """A copy of a part of a config, of plain dicts and lists.

    Args:
        config (Config): The config.
        *names (str): Where in it the part is.
    """
    part: Any = config.to_dict()
    for name in names:
        part = part[name]
    return part


def supernet_of(config: Config) -> dict[str, Any]:
    """The supernet of a search alone, with the preprocessing of its batches."""
    preprocessor = plain_dict(config, 'data_preprocessor')
    return {
        **plain_dict(config, 'model', 'architecture'),
        'data_preprocessor': preprocessor,
    }


def replace_blocks(config: Any, **changes: Any) -> Any:
    """A copy of a supernet's config with other blocks.

    Args:
        config (Any): Config of the supernet, of plain dicts and lists.
        **changes (Any): New values of the blocks' configs.
    """
    if isinstance(config, dict):
        copied = {key: replace_blocks(part, **changes) for key, part in config.items()}
        return {**copied, **changes} if config.get('type') == BLOCK else copied
    if isinstance(config, (list, tuple)):
        return [replace_blocks(part, **changes) for part in config]
    return config


def _copy_first_candidate(part: Any, num: int) -> None:
    """Makes the step's work the same whatever the path and the number."""
    if isinstance(part, dict):
        if part.get('type') == BLOCK:
            first = next(iter(part['candidates'].values()))
            part['candidates'] = {f'copy_{i}': dict(first) for i in range(num)}
            return
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for each in part:
            _copy_first_candidate(each, num)


def _set_depth(backbone: dict[str, Any], blocks: int) -> None:
    """Keeps the shares of the stages, so that time can be linear in the depth."""
    stages: list[list] = backbone['arch_setting']
    before = sum(depth for _, depth, _ in stages)
    for stage in stages:
        depth, rest = divmod(stage[1] * blocks, before)
        if rest:
            raise ValueError(f'blocks must keep whole stages, but is {blocks}.')
        stage[1] = depth
