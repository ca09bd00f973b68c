"""Options of configs with which searches and trainings are small."""

import os
import re

# Options of a search, of the training of a child, and of both by the data.
SEARCH = (
    'train_cfg.max_epochs=3',
    'model.pretrain_epochs=1',
    'model.finetune_epochs=2',
    'default_hooks.logger.interval=1',
)
UNIFORM = (*SEARCH, 'model.pretrain_epochs=2')
OWN_IMAGES = ('own_images.epochs=3', 'default_hooks.logger.interval=1')
CHILD = ('train_cfg.max_epochs=1',)
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
FEW = tuple(f'{loader}.dataset.indices=16' for loader in LOADERS)
NO_WORKERS = tuple(f'{loader}.num_workers=0' for loader in LOADERS)
BATCHES = tuple(f'{loader}.batch_size=8' for loader in LOADERS)
EVALUATION = tuple(
    f'{loader}.dataset.pipeline.{size}'
    for loader in LOADERS[1:]
    for size in ('1.scale=36', '2.crop_size=32')
)
DATA = {
    'digits': FEW,
    'fashion-mnist': FEW,
    'in1k': (
        'train_dataloader.dataset.indices=16',
        'train_dataloader.dataset.pipeline.1.scale=32',
        *EVALUATION,
    ),
}
# What else a config needs to be small, by the beginning of its name.
MORE = {
    'dsnas_pretrained_': (
        'own_images.input_size=64',
        'model.input_sizes=[64,48]',
        'custom_hooks.0.num_batches=1',
        'custom_hooks.0.num_paths=2',
        'custom_hooks.0.num_finalists=2',
    ),
    'random_': ('default_hooks.select_child.strategy.num_paths=2',),
    'spos_supernet': (
        'default_hooks.select_child.strategy.population=2',
        'default_hooks.select_child.strategy.top=2',
        'default_hooks.select_child.strategy.num_mutation=1',
        'default_hooks.select_child.strategy.num_crossover=1',
        'default_hooks.select_child.strategy.generations=1',
        'default_hooks.select_child.dataloader.num_workers=0',
        'default_hooks.select_child.dataloader.persistent_workers=False',
        'default_hooks.select_child.dataloader.dataset.indices=16',
    ),
}


def train(args):
    name = stem(args[0])
    if 'own_images.pretrained=None' in args:
        name = 'dsnas_supernet_1xb64_folder'
    # Its epochs are given.
    args = [arg for arg in args if not arg.startswith('own_images.minutes=')]
    more = [
        o for start, options in MORE.items() for o in options if name.startswith(start)
    ]
    return options(args, *stages(name), *data(name), *more)


def stages(name):
    if 'subnet_' in name or re.search('finetune|240', name):
        return CHILD
    if name.startswith(('random_', 'spos_')):
        return UNIFORM
    return OWN_IMAGES if name.endswith('_folder') else SEARCH


def test(args):
    return options(args, *(o for o in data(stem(args[0])) if o.startswith('test_')))


def data(name):
    found = (
        o for kind, options in DATA.items() if name.endswith(kind) for o in options
    )
    return (*NO_WORKERS, *BATCHES, *found)


def options(args, *more):
    """With options of the config, which take the place of those that are there."""
    return [*args, '--cfg-options', *more]


def stem(config):
    return os.path.basename(config).removesuffix('.py')
