"""Configs with nonsense in them are built, or refused by a sentence of ours."""

import copy
from contextlib import chdir

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from mmdsnas.launch.building import build_model, building
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.run_options import check_options
from mmdsnas.registry import HOOKS
from tests.test_fuzz.nonsense import (
    answered,
    declared_options,
    option_names,
    put,
    small_search,
    values,
)

BASE = small_search()
DECLARED = declared_options(BASE)
PARTS = sorted({name.rpartition('.')[0] for name in DECLARED})


@pytest.fixture(scope='module', autouse=True)
def folder_of_its_own(tmp_path_factory):
    """For the files that options name."""
    with chdir(tmp_path_factory.mktemp('fuzz')):
        yield


def build(config: dict) -> None:
    """What a run does with a config, up to the data."""
    config = Config(copy.deepcopy(config))
    check_options(config, Given())
    model = build_model(config)
    with DefaultScope.overwrite_default_scope('mmdsnas'), building(config):
        build_optim_wrapper(model, config.optim_wrapper)
        for hook in config.custom_hooks:
            HOOKS.build(hook)


def test_the_base_is_built():
    build(BASE)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(DECLARED), values, min_size=1, max_size=3))
def test_values(changes):
    config = small_search()
    for name, value in changes.items():
        put(config, name, value)
    with answered():
        build(config)


@pytest.mark.slow
@given(st.sampled_from(PARTS), option_names, values)
def test_options_that_there_may_not_be(part, option, value):
    config = small_search()
    if '.' not in option:
        put(config, f'{part}.{option}', value)
    with answered():
        build(config)
