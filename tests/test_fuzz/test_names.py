"""Whatever names people give, they stay names."""

import inspect
import itertools
import keyword
import os
import shutil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas.datasets.class_folders import find_classes
from mmdsnas.engine.hooks.logging.search_plan_hook import printable
from mmdsnas.errors import ConfigError
from mmdsnas.launch.building import build_model
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.plain_config import plain_config
from mmdsnas.launch.run_options import check_options
from mmdsnas.subnets import read_subnet
from mmdsnas.subnets.subnet import write_subnet
from tests.test_fuzz.nonsense import answered, small_search, values

# What a config has parts in.
OPTIONS = ('candidates', 'dataset', 'metrics', 'mutator', 'optimizer', 'pipeline')
OPTIONS += ('sampler', 'strategy', 'transforms', 'norm_cfg')
# What Python, mmengine, YAML, formats and shells give a meaning to.
PIECES = st.sampled_from(
    [
        *('{', '}', '{{', '}}', '%s', '%', '\\', '/', '\n', '\r', "'", '"', "'''", ' '),
        *(
            '$HOME',
            ':',
            ',',
            '=',
            '#',
            '*',
            '[',
            ']',
            '(',
            ')',
            '~',
            '!',
            '&',
            '-',
            '.',
        ),
        *(
            'fileBasename',
            '_base_',
            '_delete_',
            '_scope_',
            'type',
            'items',
            'null',
            'yes',
        ),
        *(
            '日本',
            'é',
            'ﬁ',
            'ß',
            '\u202e',
            '\u2028',
            '\x85',
            '\udcff',
            '0',
            '1e3',
            '__debug__',
        ),
        *OPTIONS,
        *keyword.kwlist,
    ]
)
NAMES = st.one_of(
    st.lists(PIECES, min_size=1, max_size=4).map(''.join), st.text(max_size=8)
)
VALUES = st.recursive(
    st.one_of(NAMES, st.none(), st.booleans(), st.integers(), st.floats(-9, 9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(NAMES, inner, max_size=3),
    ),
    max_leaves=8,
)
FILES = NAMES.filter(
    lambda name: not set('/\0') & set(name) and name[:1] not in ('', '.')
).filter(
    lambda name: (
        not any('\ud800' <= c < '\udc80' or '\udcff' < c <= '\udfff' for c in name)
    )
)
RUNNER = sorted(set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'})
NUMBERS = itertools.count()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('names')


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_the_text_of_a_config_gives_it_again(folder, options):
    config = plain_config(Config(dict(options=options)))
    file = folder / f'config_{next(NUMBERS)}.py'
    config.dump(file)
    assert Config.fromfile(file).to_dict() == dict(options=options)


@given(st.lists(NAMES, min_size=2, max_size=3, unique=True), NAMES)
@example(list(OPTIONS), 'candidates')
def test_candidates_and_blocks(folder, names, block):
    candidates = {name: dict(type='OfficialShuffleXception') for name in names}
    sizes = dict(in_channels=8, out_channels=8, stride=1)
    part = dict(type='OneHotMutableOP', candidates=candidates, module_kwargs=sizes)
    try:
        built = build_model(plain_config(Config(dict(model=part))))
    except ConfigError as error:
        assert 'of a OneHotMutableOP cannot be built' in str(error)
        return
    assert built.choices == names
    built.fix_chosen(names[0])
    write_subnet({block: built.export_chosen()}, folder / 'subnet.yaml')
    assert read_subnet(folder / 'subnet.yaml') == {block: names[0]}


@given(st.lists(FILES, min_size=2, max_size=3, unique=True))
def test_class_folders(folder, names):
    root = folder / 'images'
    shutil.rmtree(root, ignore_errors=True)
    for name in names:
        (root / f'x{name}').mkdir(parents=True)
    classes = find_classes(str(root))
    assert list(classes) == sorted(f'x{name}' for name in names)
    for name in classes:
        assert printable(name).isprintable() and os.fsdecode(os.fsencode(name)) == name


@given(st.sampled_from(RUNNER), values)
def test_options_of_the_runner(option, value):
    config = small_search()
    config[option] = value
    with answered():
        config = plain_config(Config(config))
        check_options(config, Given())
        Config.fromstring(config.pretty_text, '.py')
