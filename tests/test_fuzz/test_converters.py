"""Checkpoints with nonsense in them are converted, or refused by a sentence of ours."""

import io
import runpy
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdsnas import load_child
from mmdsnas.errors import UserError
from mmdsnas.models.weights import check_weights
from mmdsnas.registry import MODELS
from mmdsnas.subnets import child_of_search, is_of_search, recorded_subnet
from mmdsnas.subnets.checkpoint import load_checkpoint
from mmdsnas.subnets.metadata import last_lr
from mmdsnas.subnets.official import official_names
from tests.test_fuzz.nonsense import answered, small_search, values

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'model_converters'


def odd_tensor(kind: str, like: torch.Tensor):
    """A tensor that is not what it should be."""
    if kind in ('float16', 'float64', 'int64', 'bool', 'complex64', 'float8_e4m3fn'):
        return torch.zeros(like.shape).to(getattr(torch, kind))
    if kind == 'nan':
        return torch.full(like.shape, float('nan'))
    if kind == 'huge':
        return torch.full(like.shape, 1e30, dtype=torch.float64)
    if kind == 'negative':
        return torch.full(like.shape, -7)
    if kind == 'flat':
        return torch.zeros(like.numel() + 1)
    if kind == 'scalar':
        return torch.zeros(())
    if kind == 'empty':
        return torch.zeros(0)
    if kind == 'sparse':
        return torch.zeros(like.shape).to_sparse()
    if kind == 'meta':
        return torch.zeros(like.shape, device='meta')
    if kind == 'quantized':
        return torch.quantize_per_tensor(torch.zeros(like.shape), 1.0, 0, torch.quint8)
    return torch.nn.Parameter(torch.zeros(like.shape))


KINDS = (
    *('float16', 'float64', 'int64', 'bool', 'complex64', 'float8_e4m3fn', 'nan'),
    *('huge', 'negative', 'flat', 'scalar', 'empty', 'sparse', 'meta', 'quantized'),
    'parameter',
)
# One change: which weight (by its place), what happens to it.
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.one_of(
            st.sampled_from(['removed', 'renamed', 'doubled']),
            st.sampled_from(KINDS),
            st.tuples(values),
        ),
    ),
    max_size=3,
)
# Other entries of a checkpoint, and those of the authors' and of mmengine's.
EXTRA = st.dictionaries(
    st.one_of(
        st.sampled_from(['epoch', 'optimizer', 'meta', 'message_hub', 'state_dict']),
        st.text(max_size=5),
        st.integers(),
    ),
    st.one_of(
        values,
        st.fixed_dictionaries(
            {},
            optional=dict(
                epoch=values, lr=values, subnet=values, architecture=values, x=values
            ),
        ),
        values.map(lambda v: dict(param_groups=v)),
        values.map(lambda v: dict(param_groups=[dict(lr=v)])),
        values.map(lambda v: dict(architecture=dict(param_groups=[dict(lr=v)]))),
    ),
    max_size=3,
)
BYTES = st.lists(
    st.tuples(
        st.sampled_from(['cut', 'flip', 'insert', 'zero']),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=4,
)


def changed(weights: dict, changes) -> dict:
    """A state dict with some changes."""
    weights = dict(weights)
    for place, change in changes:
        name = list(weights)[place % len(weights)] if weights else 'x'
        value = weights.get(name, torch.zeros(2))
        if change == 'removed':
            weights.pop(name, None)
        elif change == 'renamed':
            weights[place] = weights.pop(name, value)
        elif change == 'doubled':
            weights[f'{name}.x'] = value
        elif isinstance(change, tuple):
            weights[name] = change[0]
        elif isinstance(value, torch.Tensor):
            weights[name] = odd_tensor(change, value)
    return weights


def damaged(content: bytes, changes) -> bytes:
    """A file with some changes."""
    for kind, where, data in changes:
        i = int(where * len(content))
        if kind == 'cut':
            content = content[:i]
        elif kind == 'insert':
            content = content[:i] + data + content[i:]
        else:
            new = bytes(len(data)) if kind == 'zero' else data
            content = content[:i] + new + content[i + len(new) :]
    return content


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A folder with a config, and checkpoints of ours and of the authors for it."""
    folder = tmp_path_factory.mktemp('fuzz')
    config = Config(small_search())
    # A tool has a network to convert, not data.
    for name in [n for n in config if n.endswith('_dataloader')]:
        config.pop(name)
    config.dump(folder / 'config.py')
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        model = MODELS.build(config.model)
    own = model.architecture.state_dict()
    theirs = {t: own[o].clone() for t, o in official_names(model.architecture).items()}
    official = dict(theirs, log_alpha=torch.randn(2, 2))
    torch.save(dict(epoch=3, state_dict=official), folder / 'official.pth')
    search = dict(meta=dict(epoch=3), state_dict=model.state_dict())
    torch.save(search, folder / 'search.pth')
    return folder


def run(tool: str, *args) -> None:
    """Runs a tool in this process; a sentence of it is an error of ours."""
    if tool not in MAINS:
        MAINS[tool] = runpy.run_path(str(TOOLS / tool))['main']
    before, sys.argv = sys.argv, [tool, *map(str, args)]
    told = io.StringIO()
    try:
        with DefaultScope.overwrite_default_scope('mmdsnas'), redirect_stderr(told):
            MAINS[tool]()
    except SystemExit as ended:
        assert ended.code == 1 and 'error: ' in told.getvalue()
        raise UserError(told.getvalue()) from ended
    finally:
        sys.argv = before


MAINS: dict = {}


def run_official(files, source) -> None:
    config = ('--config', files / 'config.py')
    run('convert_official.py', source, files / 'out.pth', *config)


def run_subnet(files, source) -> None:
    run('convert_supernet2subnet.py', files / 'config.py', source, files / 'out.pth')


def take_child(source, child) -> None:
    """What testing a child, and training it on, do with a checkpoint of a search."""
    checkpoint = load_checkpoint(source)
    last_lr(checkpoint)
    recorded_subnet(checkpoint)
    if is_of_search(checkpoint):
        model = load_child(child)
        weights, own = (
            child_of_search(checkpoint['state_dict'], model),
            model.state_dict(),
        )
        check_weights(own, weights, source)


CASES = pytest.mark.parametrize(
    'name, tool', [('official.pth', run_official), ('search.pth', run_subnet)]
)


@CASES
def test_the_valid_file_is_converted(files, name, tool):
    tool(files, files / name)
    out = torch.load(files / 'out.pth', weights_only=True)
    assert set(out['meta']['subnet']) == {f'backbone.layers.{i}.0' for i in (0, 1)}


@pytest.mark.slow
@CASES
@given(changes=CHANGES, extra=EXTRA)
def test_contents(files, name, tool, changes, extra):
    checkpoint = torch.load(files / name, weights_only=True)
    checkpoint['state_dict'] = changed(checkpoint['state_dict'], changes)
    checkpoint.update(extra)
    torch.save(checkpoint, files / 'changed.pth')
    with answered():
        tool(files, files / 'changed.pth')
    with answered():
        take_child(files / 'changed.pth', files / 'out.pth')


@CASES
@given(changes=BYTES)
def test_bytes(files, name, tool, changes):
    content = (files / name).read_bytes()
    (files / 'damaged.pth').write_bytes(damaged(content, changes))
    with answered():
        tool(files, files / 'damaged.pth')
