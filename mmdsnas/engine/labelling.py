"""What a trained network says of all training images, for a child to learn from."""

import copy

import torch
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.utils.data_sets import data_sets, pipeline_of
from mmdsnas.utils.progress import progress
from mmdsnas.utils.random_state import random_states_kept
from .evaluation import no_side_effects


def check_labels(runner: Runner, algorithm: DSNAS) -> None:
    """Refuses a run whose training images cannot be told apart, or are mixed.

    Raises:
        ConfigError: It says which option does not fit.
    """
    loaders = runner.cfg.get('train_dataloader'), runner.cfg.get('val_dataloader')
    with random_states_kept(0):
        sample = runner.train_dataloader.dataset[0].get('data_samples')
    has_place = sample is not None and 'sample_idx' in sample
    if len(data_sets(loaders[0])) != 1 or not has_place or not pipeline_of(loaders[1]):
        raise ConfigError(
            'model.distillation must have one data set to train on, whose images say '
            'their place (sample_idx in meta_keys of the transform that packs them), '
            'and a validation, whose transforms the images get for their labels.'
        )
    if getattr(algorithm.data_preprocessor, 'batch_augments', None) is not None:
        raise ConfigError(
            'model.distillation must have no batch_augments in the data preprocessor: '
            'the labels are those of single images, which it mixes.'
        )


def labels_of(runner: Runner, algorithm: DSNAS) -> Tensor:
    """Logits of all training images, as they are tested, by their places."""
    config = copy.deepcopy(runner.cfg.train_dataloader)
    (data,) = data_sets(config).values()
    data['pipeline'] = pipeline_of(runner.cfg.val_dataloader)
    built = runner.build_dataloader(config, runner.seed)
    # All images in their order, in each process: they are looked at once.
    loader = DataLoader(
        built.dataset,
        config.get('batch_size', 1),
        num_workers=built.num_workers,
        collate_fn=built.collate_fn,
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
