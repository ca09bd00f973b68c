"""What a trained network says of all training images, for a child to learn from."""

import copy
import hashlib
import os

import torch
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmdsnas.errors import ConfigError, DataError
from mmdsnas.models import DSNAS
from mmdsnas.models.algorithms.soft_labels import logits_among, outputs_of
from mmdsnas.utils.data_sets import data_sets, pipeline_of
from mmdsnas.utils.foreign import telling
from mmdsnas.utils.progress import progress
from .evaluation import no_side_effects, some_images


def check_labels(runner: Runner, algorithm: DSNAS) -> None:
    """Refuses a run whose child cannot learn from labels of its training images.

    Raises:
        ConfigError: It says which option does not fit.
        DataError: The labels of a checkpoint are those of other images.
    """
    found = data_sets(runner.cfg.get('train_dataloader'))
    if len(found) != 1:
        raise ConfigError(
            'model.distillation must have one data set to train on, but '
            f'train_dataloader has {len(found)}: {", ".join(found) or "none"}.'
        )
    if not pipeline_of(runner.cfg.get('val_dataloader')):
        raise ConfigError(
            'model.distillation must have a validation, whose transforms the images '
            'get for their labels, but val_dataloader.dataset.pipeline has none.'
        )
    if getattr(algorithm.data_preprocessor, 'batch_augments', None) is not None:
        raise ConfigError(
            'model.distillation must have no batch_augments in the data preprocessor: '
            'the labels are those of single images, which it mixes.'
        )
    for data in (runner.train_dataloader.dataset, _as_tested(runner)):
        _check_place(data)
    with no_side_effects(algorithm):
        _try_images(runner.train_dataloader, algorithm)
    labels = algorithm.soft_labels
    if not len(labels.images):
        return
    images = images_of(runner.train_dataloader.dataset)
    if not torch.equal(labels.images.cpu(), images):
        raise DataError(
            f'the training images must be the {len(labels.logits)} whose soft labels '
            'the checkpoint has, by path and class, but some were added, removed, '
            'renamed or moved: put them back as they were, or begin a new run.'
        )


def _check_place(data: Dataset) -> None:
    with telling('the images of train_dataloader cannot be loaded'):
        first = data[0]
    sample = first.get('data_samples') if isinstance(first, dict) else None
    if sample is None or 'sample_idx' not in sample:
        given = f'gives a {type(first).__name__} without data_samples'
        if sample is not None:
            given = f'packs {", ".join(sample.metainfo_keys()) or "none"}'
        raise ConfigError(
            'model.distillation must have training images that say their place, by '
            'sample_idx in meta_keys of the transforms that pack them, in '
            'train_dataloader and in val_dataloader, but '
            f'train_dataloader.dataset {given}.'
        )


def _as_tested(runner: Runner) -> Dataset:
    """The images that are trained on, with the transforms of the validation."""
    config = copy.deepcopy(runner.cfg.train_dataloader)
    (data,) = data_sets(config).values()
    data['pipeline'] = pipeline_of(runner.cfg.val_dataloader)
    return runner.build_dataloader(config, runner.seed).dataset


def _try_images(loader: DataLoader, algorithm: DSNAS) -> None:
    with telling('the network has no loss of images of train_dataloader'):
        data = algorithm.data_preprocessor(some_images(loader, 2), False)
        path, edge = algorithm.first_path(), data['inputs'].shape[-1]
        with algorithm.executing(path, edge), outputs_of(algorithm.head) as outputs:
            algorithm(**data, mode='loss')
    logits_among(outputs)


def images_of(data: Dataset) -> Tensor:
    """Digest of a data set: paths and classes of its images, in their order."""
    while inner := getattr(data, 'datasets', None) or getattr(data, 'dataset', None):
        # It is the only one.
        data = inner[0] if isinstance(inner, list) else inner
    root, digest = str(getattr(data, 'data_root', '')), hashlib.sha256()
    info_of = getattr(data, 'get_data_info', lambda place: {})
    for info in map(info_of, range(len(data))):
        # The folder of all may have moved.
        path = str(info.get('img_path', '')).removeprefix(root).lstrip('/')
        digest.update(os.fsencode(f'{path}\0{info.get("gt_label")}\0'))
    return torch.tensor([*digest.digest()], dtype=torch.uint8)


def labels_of(runner: Runner, algorithm: DSNAS) -> Tensor:
    """Logits of all training images, as they are tested, by their places."""
    given = runner.train_dataloader
    # All images in their order, in each process: they are looked at once.
    loader = DataLoader(
        _as_tested(runner),
        runner.cfg.train_dataloader.get('batch_size', 1),
        num_workers=given.num_workers,
        collate_fn=given.collate_fn,
    )
    places, logits = [], []
    with no_side_effects(algorithm):
        for batch in progress(loader, 'Labels of the training images'):
            data = algorithm.data_preprocessor(batch, False)
            inputs, samples = data['inputs'], data['data_samples']
            with algorithm.executing(algorithm.first_path(), inputs.shape[-1]):
                logits.append(algorithm(inputs, mode='tensor'))
            places += [sample.sample_idx for sample in samples]
    found = torch.cat(logits)
    # An epoch may have an image several times.
    labels = found.new_zeros(max(places) + 1, found.shape[1])
    labels[torch.tensor(places, device=labels.device)] = found
    return labels
