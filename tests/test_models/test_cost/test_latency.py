"""Latencies on a clock that the modules themselves advance: exact to the last digit."""

import copy
import json

import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.models import ResourceEstimator
from mmdsnas.models.cost import LatencyMeter
from tests.ranks import on_ranks
from tests.toy import ToyNet, all_paths, block, prepared

VECTOR = (1, 1, 6)
# What a call costs besides the modules, milliseconds.
OVERHEAD = 0.5


class Takes(nn.Module):
    """Takes some milliseconds, by the clock below."""

    now = 0.0

    def __init__(self, milliseconds):
        super().__init__()
        self.milliseconds = milliseconds

    def forward(self, x):
        Takes.now += self.milliseconds
        return x + 0

    def extra_repr(self):
        return str(self.milliseconds)


def stopwatch(calls, repeats, threads):
    times = {}
    for key, call in calls.items():
        start = Takes.now
        call()
        times[key] = Takes.now - start + OVERHEAD
    return times


def net(first=2.0):
    return ToyNet(
        [
            block(a=Takes(first), b=Takes(3.0)),
            block(x=Takes(16.0), y=Takes(0.0), z=Takes(8.0)),
        ],
        stem=Takes(32.0),
        tail=Takes(64.0),
    )


def meter(input_shape=VECTOR, **kwargs):
    kwargs.setdefault('device', 'cpu')
    made = LatencyMeter(input_shape, **kwargs)
    made.stopwatch = stopwatch
    return made


def test_the_sum_is_the_latency_of_every_child():
    model = net()
    table, times = meter().table_and_networks(model, dict(sequence=Takes(7.0)))
    assert table.blocks == {
        'blocks.0': dict(a=2.0, b=3.0),
        'blocks.1': dict(x=16.0, y=0.0, z=8.0),
    }
    # A network is called once, with its blocks inside.
    assert table.fixed_part == 32 + 64 + OVERHEAD
    assert times == dict(sequence=7 + OVERHEAD)


def test_inputs_that_are_given_by_name():
    class Second(Takes):
        def forward(self, x, *, factor, skip):
            return super().forward(x) + factor * skip

    class Other(ToyNet):
        def features(self, x):
            return self.blocks[0](skip=x, factor=2, x=x)

    model = Other([block(a=Second(1.0), b=Second(4.0))])
    assert meter().table(model).blocks == {'blocks.0': dict(a=1.0, b=4.0)}


def test_a_block_that_is_executed_twice_or_never():
    class Other(ToyNet):
        def features(self, x):
            return self.blocks[0](x=self.blocks[0](x))

    blocks = [block(a=Takes(2.0)), block(a=Takes(5.0), b=Takes(6.0))]
    table = meter().table(Other(blocks))
    assert table.blocks == {'blocks.0': dict(a=4.0), 'blocks.1': dict(a=0.0, b=0.0)}
    assert table.fixed_part == OVERHEAD


def test_blocks_that_gain_from_their_neighbours(warned):
    """Networks that are faster than their parts: no part is negative."""

    def faster(calls, *args):
        times = stopwatch(calls, *args)
        return {k: 0.1 if k[0] == 'child' else t for k, t in times.items()}

    made = meter()
    made.stopwatch = faster
    assert made.table(net()).fixed_part == 0
    assert 'faster than the sum' in warned()[0]


def test_the_cost_table_has_them():
    model = net()
    estimator = ResourceEstimator(VECTOR, latency=dict(device='cpu'))
    estimator.meters['latency'].stopwatch = stopwatch
    mutator = prepared(model, custom_groups=[])
    table = estimator.cost_table(model, mutator.search_groups)
    plain = ResourceEstimator(VECTOR).cost_table(model, mutator.search_groups)
    for path in all_paths(mutator):
        first, second = dict(a=2, b=3), dict(x=16, y=0, z=8)
        wanted = first[path['module_0']] + second[path['module_1']] + 96 + OVERHEAD
        assert table.cost(path) == {**plain.cost(path), 'latency': wanted}


def test_the_shape_and_the_dtype_of_the_input():
    seen = []
    model = net().double()
    model.stem.register_forward_hook(lambda _, args, y: seen.append(args[0]))
    meter(batch_size=3).table(model)
    assert {(x.shape, x.dtype) for x in seen} == {((3, 1, 6), torch.float64)}
    assert not any(x.requires_grad for x in seen) and seen[0].std() > 0.1


def test_a_meter_goes_where_a_search_is_copied():
    copy.deepcopy(meter())


# The file


def counted(**kwargs):
    """A meter and how often it measured."""
    made, calls = meter(**kwargs), []
    made.stopwatch = lambda *args: calls.append(1) or stopwatch(*args)
    return made, calls


def test_the_file_is_used_again(tmp_path, warned):
    path = tmp_path / 'folder' / 'latency.json'
    first = meter(file=path).table(net())
    made, calls = counted(file=str(path))
    assert made.table(net()) == first and not calls and not warned()
    networks = dict(alone=Takes(1.0))
    assert made.table_and_networks(net(), networks) == (first, {'alone': 1 + OVERHEAD})
    # It holds no more than is said.
    assert json.loads(path.read_text()) == first.model_dump()


@pytest.mark.parametrize(
    'key, change',
    [
        ('threads', dict(threads=2)),
        ('repeats', dict(repeats=7)),
        ('input_shape', dict(batch_size=2)),
        ('input_shape', dict(input_shape=(1, 2, 6))),
        ('dtype', dict(model=net().double())),
        ('search_space', dict(model=net(first=2.5))),
        ('hardware', dict(patch=('hardware', lambda device: 'another'))),
        ('search_space', dict(patch=('digest', lambda model: 'another'))),
        ('torch', dict(patch=('torch.__version__', '1.0'))),
    ],
)
def test_a_file_of_another_setting(key, change, tmp_path, warned, monkeypatch):
    path = tmp_path / 'latency.json'
    meter(file=path).table(net())
    if 'patch' in change:
        name, value = change.pop('patch')
        monkeypatch.setattr(f'mmdsnas.models.cost.latency.{name}', value)
    model = change.pop('model', net())
    for again in (True, False):
        made, calls = counted(file=path, **change)
        table = made.table(model)
        assert bool(calls) == again
    (sentence,) = warned()
    assert sentence.count(' was ') == 1 and f'measured again: {key} was ' in sentence
    assert json.loads(path.read_text())['blocks'] == table.blocks


GOOD = dict(setting={}, blocks=dict(x=dict(a=1.0)), fixed_part=0.5)


@pytest.mark.parametrize(
    'content',
    [
        '',
        '[' * 100_000,
        b'\xff',
        json.dumps(GOOD)[:-1],
        *(json.dumps(c) for c in ([], {}, dict(GOOD, more=1), dict(GOOD, setting=1))),
        *(json.dumps(dict(GOOD, blocks=b)) for b in ([], dict(x=[1.0]), dict(x=1.0))),
        *(
            json.dumps(dict(GOOD, fixed_part=t))
            for t in (-1.0, float('nan'), '1', None)
        ),
        json.dumps(dict(GOOD, blocks=dict(x=dict(a='1')))),
    ],
)
def test_a_file_that_is_none_of_ours(content, tmp_path):
    path = tmp_path / 'latency.json'
    content = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r'latency\.file must be .*, but .*\.$'):
        meter(file=path).table(net())
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_there_is_told_before_the_measuring(tmp_path):
    (tmp_path / 'file').touch()
    for path, error in (
        (tmp_path, ConfigError),
        (tmp_path / 'file' / 'x', ConfigError),
        ('/proc/no/x', OutputError),
    ):
        made, calls = counted(file=path)
        with pytest.raises(error, match='latency.file'):
            made.table(net())
        assert not calls


# Ranks


def measured_on(broken):
    rank = torch.distributed.get_rank()
    made = meter()
    made.stopwatch = lambda calls, *_: {key: 1.0 + rank for key in calls}
    if broken:
        made.file = '/proc/no/x' if rank == 0 else None
    try:
        table = made.table(net())
    except OutputError as error:
        return str(error)
    return [table.fixed_part, table.blocks]


@pytest.mark.slow
def test_all_ranks_have_what_the_first_one_measured(tmp_path):
    first, second = on_ranks(2, tmp_path, measured_on, False)
    # The child's 1 ms less two blocks' 1 - 1 ms.
    assert first == second and first[0] == 1.0


@pytest.mark.slow
def test_all_ranks_are_told_of_an_error(tmp_path):
    first, second = on_ranks(2, tmp_path, measured_on, True)
    assert first == second and 'latency.file' in first


# Options


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match="latency.device must be .* but is 'cuda'"):
        LatencyMeter(VECTOR, device='cuda')
    assert LatencyMeter(VECTOR).setting(net())['device'] == 'cpu'


def test_options_are_checked():
    message = "^backend of LatencyMeter must be .*, but is 'x'"
    with pytest.raises(ConfigError, match=message):
        ResourceEstimator(VECTOR, latency=dict(backend='x'))
    assert ResourceEstimator(VECTOR).meters == {}
    assert ResourceEstimator(VECTOR, latency={}).meters['latency'].repeats == 100
