from contextlib import nullcontext
from typing import Any, ContextManager, Sized

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch.nn import SyncBatchNorm
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import BatchSampler, DataLoader

from mmdsnas.datasets import NoSingleImageBatchSampler
from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.utils.foreign import telling
from ...evaluation import has_test_data, no_side_effects, some_images, try_evaluation
from ..checkpoint.export_child_hook import ExportChildHook
from ..utils import model_of


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Tries the network on its data before the training, which then goes on as if not.

    A loss of some images, an evaluation of some, and whether a batch of one image
    would stop a BatchNorm layer. ``mmdsnas.train`` adds it to every run.

    Attributes:
        training (bool): Whether the training has begun.
    """

    training = False

    def before_train(self, runner) -> None:
        """Raises a ``ConfigError`` if network, data and metrics do not fit."""
        model = model_of(runner).train()
        if smallest_batch(runner.train_dataloader) == 1:
            _try_single(model, runner.train_dataloader)
        with no_side_effects(model, training=True):
            batch = _training_images(runner.train_dataloader, 2)
            if isinstance(model, DSNAS):
                # Nothing has told it yet.
                model.stage = model.stage_of(runner.epoch)
            if batch is not None:
                with telling('the network has no loss of images of train_dataloader'):
                    data = model.data_preprocessor(batch, True)
                    model._run_forward(data, mode='loss')
        with no_side_effects(model):
            if runner.val_loop is not None:
                metrics = try_evaluation(model, runner.val_loop, 'val')
                _check_save_best(runner, list(metrics))
            exports = any(isinstance(hook, ExportChildHook) for hook in runner.hooks)
            if exports and has_test_data(runner):
                with telling('the test of the child cannot be built from its config'):
                    loop = runner.test_loop
                try_evaluation(model, loop, 'test')

    def before_train_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        """Notes that the training has begun."""
        self.training = True

    def after_train(self, runner) -> None:
        """Notes the same of a finished run that is resumed, which has no iteration."""
        self.training = True


def _try_single(model: BaseModel, loader: DataLoader) -> None:
    """Refuses a batch of one where BatchNorm would see one value a channel of it."""
    batch = _training_images(loader, 1)
    if batch is None:
        return
    # Some of a backbone may be frozen.
    modules = model.named_modules()
    norms = {m: n for n, m in modules if isinstance(m, _BatchNorm) and m.training}
    found: list[str] = []

    def look(layer: _BatchNorm, inputs: Any) -> None:
        shared = isinstance(layer, SyncBatchNorm) and get_world_size() > 1
        if inputs[0].numel() == inputs[0].shape[1] and not shared:
            found.append(norms[layer])

    handles = [layer.register_forward_pre_hook(look) for layer in norms]
    with no_side_effects(model):
        # Also those that stay in training mode where a search is evaluated.
        for module in model.modules():
            module.training = False
        with telling('the network cannot take an image of train_dataloader'):
            data = model.data_preprocessor(batch, False)
            for executed in _all_candidates(model):
                with executed:
                    model._run_forward(data, mode='tensor')
    for handle in handles:
        handle.remove()
    if found:
        batches = loader.batch_sampler
        images = len(getattr(batches, 'sampler', loader.dataset))
        raise ConfigError(
            f'train_dataloader gives a batch of one image ({images} '
            f'images by {batches.batch_size}), of which the BatchNorm layer {found[0]} '
            'gets one value a channel, which it cannot train on: set another '
            'batch_size of at least 2, or drop_last=True, or '
            "batch_sampler=dict(type='NoSingleImageBatchSampler')."
        )


def _all_candidates(model: BaseModel) -> list[ContextManager]:
    """Contexts in which a model executes each of its candidates at least once."""
    if not isinstance(model, DSNAS):
        return [nullcontext()]
    own = {n: model.mutator.choices(n) for n in model.mutator.search_groups}
    most = max(map(len, own.values()), default=1)
    paths = [{n: c[min(k, len(c) - 1)] for n, c in own.items()} for k in range(most)]
    return [model.executing(path) for path in paths]


def _training_images(loader: DataLoader, number: int) -> Any:
    with telling('the images of train_dataloader cannot be loaded'):
        return some_images(loader, number)


def smallest_batch(loader: DataLoader) -> int | None:
    """Images of the smallest batch of an epoch, in this process; None if unknown."""
    batches = loader.batch_sampler
    # A batch sampler of another kind has its own last batch, or no size at all.
    if type(batches) not in (BatchSampler, NoSingleImageBatchSampler):
        return getattr(batches, 'batch_size', None)
    size, sampler = batches.batch_size, batches.sampler
    endless = isinstance(sampler, InfiniteSampler) or not isinstance(sampler, Sized)
    if endless or batches.drop_last:
        return size
    return len(sampler) % size or size


def _check_save_best(runner, metrics: list[str]) -> None:
    for hook in runner.hooks if metrics else []:
        for name in getattr(hook, 'key_indicators', None) or []:
            if name not in ('auto', *metrics):
                raise ConfigError(
                    'save_best must be one of the metrics of val_evaluator '
                    f'({", ".join(metrics)}), but is {name!r}.'
                )
