"""Configs of classes, odd keys and paths become text that gives them again."""

import copy
import functools
from enum import Enum, IntEnum
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcls.models import ImageClassifier
from mmengine import registry as root
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import EMAHook
from mmengine.registry import DefaultScope
from mmengine.runner import Priority
from mmengine.utils import get_object_from_string
from mmrazor.models.architectures.ops import ShuffleBlock

from mmdsnas import registry
from mmdsnas.engine import EMAHook as OwnEMAHook
from mmdsnas.errors import ConfigError
from mmdsnas.launch.plain_config import plain_config, plain_options
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.utils.paths import find_config

FOLDER = 'dsnas_supernet_1xb64_folder'
# Words of Python, quotes, breaks, formats, what mmengine replaces in files, and what
# Python or mmengine gives a meaning to.
NAMES = (
    *('class', 'pass', 'None', '__debug__', 'self', 'items', '_delete_', '__key'),
    *("Cooper's hawk", '"', "'", '\\', 'a\\', 'a\nb', '\r', '\0', '', ' ', 'a b', '1'),
    *('{', 'a%sb{0}', '{{ fileBasename }}', '{{$HOME:x}}', '{{ _base_.x }}', '[*]'),
    *('日本 語', 'ﬁ', 'é', 'e\u0301', '\u202e', '\udcff', 'dict(a=1)', ')', 'a=b,c'),
)


class Colour(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


def written(config, folder):
    """What a file of a config's text says."""
    file = folder / 'config.py'
    config.dump(file)
    return Config.fromfile(file).to_dict()


def test_text_gives_names_that_people_give_again(tmp_path):
    options = dict(
        by_name={name: i for i, name in enumerate(NAMES)},
        reversed={name: dict(type=name, names=[name]) for name in NAMES[::-1]},
        each=[{name: (name,)} for name in NAMES],
        numbers={1: [1.5, None, True, b'x', ()], 'x': {}, 'y': (1,)},
    )
    config = plain_config(Config(options))
    assert written(config, tmp_path) == options
    again = Config.fromfile(tmp_path / 'config.py')
    for key in ('by_name', 'reversed'):
        assert list(again[key]) == list(options[key])
    # A runner copies it.
    assert copy.deepcopy(config).pretty_text == config.pretty_text
    assert max(map(len, config.pretty_text.splitlines())) <= 88


@pytest.mark.parametrize('name', [FOLDER, 'dsnas_subnet_8xb128_in1k'])
def test_text_of_the_starting_configs(name, tmp_path):
    config = load_config(name, resolve=False)
    assert written(config, tmp_path) == Config.fromfile(find_config(name)).to_dict()


def test_numbers_that_have_no_literal(tmp_path):
    config = plain_config(Config(dict(a=float('inf'), b=[float('nan')])))
    again = written(config, tmp_path)
    assert again['a'] == float('inf') and again['b'][0] != again['b'][0]


@pytest.mark.parametrize(
    'given, name, kind',
    [
        (DSNAS, 'mmdsnas.DSNAS', 'MODELS'),
        (ImageClassifier, 'mmcls.ImageClassifier', 'MODELS'),
        (ShuffleBlock, 'mmrazor.ShuffleBlock', 'MODELS'),
        (torch.optim.SGD, 'SGD', 'OPTIMIZERS'),
        (pseudo_collate, 'pseudo_collate', 'FUNCTIONS'),
        # The plain name is that of ours.
        (EMAHook, 'mmengine.EMAHook', 'HOOKS'),
        (OwnEMAHook, 'mmdsnas.EMAHook', 'HOOKS'),
        (torch.nn.Sequential, 'torch.nn.modules.container.Sequential', 'MODELS'),
        ('mmcls.models.classifiers.image.ImageClassifier', None, 'MODELS'),
        ('torch.optim.SGD', 'SGD', 'OPTIMIZERS'),
    ],
)
@pytest.mark.parametrize('scope', ['mmdsnas', 'mmcls'])
def test_classes_have_names_that_registries_find(given, name, kind, scope):
    name = name or 'mmcls.ImageClassifier'
    options = plain_options({'a.type': given, 'b': [dict(type=given)]})
    assert options == {'a.type': name, 'b': [dict(type=name)]}
    with DefaultScope.overwrite_default_scope(scope):
        with getattr(root, kind).switch_scope_and_registry(None) as scoped:
            found = scoped.get(name)
    wanted = get_object_from_string(given) if isinstance(given, str) else given
    assert found is wanted


CONSTRUCTOR = 'SearchOptimWrapperConstructor'


def test_values_become_plain():
    given_and_plain = dict(
        folder=(Path('a b'), 'a b'),
        mean=(np.array([1.5, 2]), [1.5, 2.0]),
        size=(np.int64(3), 3),
        name=(np.str_('x'), 'x'),
        priority=(Priority.LOW, 70),
        level=(Level.LOW, 1),
        collate_fn=(pseudo_collate, dict(type='pseudo_collate')),
        constructor=(
            registry.OPTIM_WRAPPER_CONSTRUCTORS.get(CONSTRUCTOR),
            f'mmdsnas.{CONSTRUCTOR}',
        ),
        kept=((1, {2}), (1, {2})),
    )
    plain = plain_options({k: given for k, (given, _) in given_and_plain.items()})
    assert plain == {k: wanted for k, (_, wanted) in given_and_plain.items()}
    for name, (_, wanted) in given_and_plain.items():
        assert type(plain[name]) is type(wanted)


@pytest.mark.parametrize(
    'given, place',
    [
        (dict(model=dict(type=type('Made', (), {}))), 'model.type'),
        (dict(model=dict(parts=[dict(type=lambda: None)])), 'model.parts.0.type'),
        (dict(norm_layer=torch.nn.BatchNorm2d), 'norm_layer'),
        (dict(colour=Colour.RED), 'colour'),
        (dict(part=dict(type=functools.partial(dict))), 'part.type'),
        (dict(other=object()), 'other'),
    ],
)
def test_what_has_no_name_is_refused_with_its_place(given, place):
    with pytest.raises(ConfigError, match=f'^{place} must be .*; norm must be'):
        plain_options({'fine': dict(type=dict), **given, 'norm': torch.nn.ReLU})


@pytest.mark.parametrize(
    'model', [torch.nn.Identity(), DSNAS, test_values_become_plain]
)
def test_an_option_of_the_runner_is_not_taken_for_what_a_file_makes(model):
    with pytest.raises(ConfigError, match='^model must be a plain value'):
        plain_config(Config(dict(model=model)))
    made = dict(Helper=Colour, make=test_values_become_plain, data_root='x')
    assert plain_config(Config(made)).to_dict() == dict(data_root='x')


BASE = """
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmdsnas.datasets import ImageFolder

train_dataloader = dict(
    dataset=dict(type=ImageFolder, data_root='x'),
    sampler=dict(type=DefaultSampler, shuffle=True),
    collate_fn=dict(type=pseudo_collate),
)
"""
LAZY = """
import torch.nn as nn
from mmengine.config import read_base
from mmengine.optim import OptimWrapper
from torch.optim import SGD
from mmcls.models import GlobalAveragePooling, ImageClassifier

with read_base():
    from .base import *

model = dict(
    type=ImageClassifier,
    backbone=dict(type=nn.Identity),
    neck=dict(type=GlobalAveragePooling),
)
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.1))
train_dataloader.update(dict(batch_size=4))
"""


@pytest.fixture
def config_file(tmp_path):
    """A config in the style whose imports are lazy, with a base."""
    (tmp_path / 'base.py').write_text(BASE)

    def write(text):
        file = tmp_path / 'config.py'
        file.write_text(text)
        return file

    return write


def test_a_config_of_imported_classes(config_file, tmp_path):
    config = load_config(config_file(LAZY), resolve=False)
    wanted = dict(
        model=dict(
            type='mmcls.ImageClassifier',
            backbone=dict(type='torch.nn.modules.linear.Identity'),
            neck=dict(type='mmcls.GlobalAveragePooling'),
        ),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
        train_dataloader=dict(
            dataset=dict(type='mmdsnas.ImageFolder', data_root='x'),
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
            batch_size=4,
        ),
    )
    assert config.to_dict() == wanted
    (tmp_path / 'written').mkdir()
    assert written(config, tmp_path / 'written') == wanted


@pytest.mark.parametrize(
    'text, place',
    [
        ('class Own: pass\nmodel.update(dict(type=Own))\n', 'model.type'),
        ('class Own(nn.Module): pass\n', '.*config.py must neither call nor derive'),
        ('model.update(dict(backbone=dict(type=lambda: 0)))', 'model.backbone.type'),
        ('model.update(dict(norm=nn.BatchNorm2d))', 'model.norm'),
        ('from mmcls.models import No\nmodel.update(dict(neck=No))', 'model.neck'),
    ],
)
def test_a_class_of_the_config_itself_is_refused(text, place, config_file):
    with pytest.raises(ConfigError, match=f'^{place}'):
        load_config(config_file(f'{LAZY}\n{text}\n'), resolve=False)


def test_classes_in_the_config_and_in_options_made_in_python(tmp_path):
    config = Config(dict(model=dict(type='x'), data_root=None))
    before = config.to_dict()
    options = {'model.type': DSNAS, 'data_root': tmp_path, 'model.architecture': {}}
    loaded = load_config(config, options, resolve=False)
    assert loaded.model == dict(type='mmdsnas.DSNAS', architecture={})
    assert loaded.data_root == str(tmp_path) and config.to_dict() == before
    assert 'mmdsnas.DSNAS' in loaded.pretty_text
