"""Latencies by a command: here it tells the size of the file it is given."""

import json
import multiprocessing
import shlex
import sys
from pathlib import Path

import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError, MeasurementError, OutputError
from mmdsnas.models import ResourceEstimator
from mmdsnas.models.cost import DeviceLatencyMeter, device_latency
from mmdsnas.models.cost.additive import chosen_paths
from mmdsnas.models.cost.measured_file import MeasuredFile, MeasuredTable
from mmdsnas.models.cost.network_files import NetworkFiles
from mmdsnas.models.mutables import blocks_of
from tests.ranks import on_ranks
from tests.toy import Layer, ToyNet, algorithm_of, all_paths, block, prepared, set_alpha

VECTOR = (1, 1, 6)
# It notes that it was called.
SCRIPT = """\
import os, sys
with open(sys.argv[0] + '.calls', 'a') as file:
    file.write(os.path.basename(sys.argv[1]) + '\\n')
size = os.path.getsize(sys.argv[1]) / 1000
{code}
"""


def wide(width):
    return nn.Sequential(nn.Linear(6, width), nn.Linear(width, 6))


def net(width=60):
    """Two blocks of two and three candidates: six paths."""
    return ToyNet(
        [
            block(narrow=Layer(torch.tanh), wide=wide(width)),
            block(a=Layer(torch.tanh), b=wide(30), c=wide(90)),
        ]
    )


def command(folder, code='print(size)'):
    script = Path(folder) / 'bench.py'
    script.write_text(SCRIPT.format(code=code))
    return shlex.join([sys.executable, str(script), '{model}'])


def calls(folder):
    file = Path(folder) / 'bench.py.calls'
    return file.read_text().splitlines() if file.exists() else []


def meter(folder, code='print(size)', **options):
    options = dict(held_out=0, networks=8, file=Path(folder) / 'latency.json') | options
    return DeviceLatencyMeter(VECTOR, command(folder, code), **options)


def size_of(model, path, format='onnx'):
    return len(NetworkFiles(model, VECTOR, format).of(path)) / 1000


def sums(table, choices):
    return table.fixed_part + sum(table.blocks[b][c] for b, c in choices.items())


# Networks


@pytest.mark.parametrize('format', ['onnx', 'pt2'])
def test_a_file_is_that_of_an_architecture_alone(format):
    """The same whatever the weights are, another one for each path."""
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        files = NetworkFiles(net(), VECTOR, format)
        choices = {n: list(b.choices) for n, b in blocks_of(net()).items()}
        found.append([files.of(path) for path in chosen_paths(choices, 6)])
    assert found[0] == found[1] and len(set(found[0])) == 6


def test_the_network_of_the_file_is_that_of_the_path(tmp_path):
    """Executed by ONNX Runtime with the weights that the file has."""
    onnxruntime = pytest.importorskip('onnxruntime')
    model = net()
    files = NetworkFiles(model, VECTOR, 'onnx')
    x = torch.randn(VECTOR)
    for choice in ('a', 'b', 'c'):
        path = {'blocks.0': 'wide', 'blocks.1': choice}
        session = onnxruntime.InferenceSession(files.of(path))
        for name, own in blocks_of(files._model).items():
            own.current_choice = path[name]
        with torch.no_grad():
            wanted = files._model(x)
        (found,) = session.run(['logits'], dict(images=x.numpy()))
        assert torch.allclose(torch.from_numpy(found), wanted, atol=1e-5)


def test_the_supernet_stays_as_it_was(tmp_path):
    model = net()
    before = {name: w.clone() for name, w in model.state_dict().items()}
    meter(tmp_path).table(model)
    after = model.state_dict()
    assert before.keys() == after.keys() and model.training
    assert all(torch.equal(w, after[name]) for name, w in before.items())
    assert all(len(b.choices) > 1 for b in blocks_of(model).values())


# The table


def test_sums_are_whole_networks(tmp_path):
    model = net()
    table = meter(tmp_path, held_out=3).table(model)
    mutator = prepared(model, custom_groups=[])
    for path in all_paths(mutator):
        choices = dict(zip(blocks_of(model), path.values()))
        # Names of values in the file differ by a few letters.
        assert sums(table, choices) == pytest.approx(size_of(model, choices), rel=0.01)
    assert len(table.held_out) == 3
    for measured, predicted in table.held_out:
        assert predicted == pytest.approx(measured, rel=0.01)


def test_the_cost_table_has_them(tmp_path):
    model = net()
    given = dict(command=command(tmp_path), held_out=0, file=str(tmp_path / 'x.json'))
    estimator = ResourceEstimator(VECTOR, latency=given)
    mutator = prepared(model, custom_groups=[])
    table = estimator.cost_table(model, mutator.search_groups)
    wanted = size_of(model, {'blocks.0': 'wide', 'blocks.1': 'a'})
    cost = table.cost(dict(zip(mutator.search_groups, ('wide', 'a'))))
    assert cost['latency'] == pytest.approx(wanted, rel=1e-9)
    # Of images of another size there is a file beside it.
    assert estimator.for_size(5).meters['latency'].kept.path == tmp_path / 'x_5.json'


def test_a_batch_and_another_format(tmp_path):
    model, seen = net(), []
    model.stem.register_forward_hook(lambda _, args, y: seen.append(args[0].shape))
    table = meter(tmp_path, batch_size=3, format='pt2').table(model)
    assert set(seen) == {(3, 1, 6)}
    assert all(name.endswith('.pt2') for name in calls(tmp_path))
    assert table.setting['input_shape'] == [3, 1, 6]


def test_the_median_of_some_counts(tmp_path):
    code = (
        'n = len(open(sys.argv[0] + ".calls").readlines())\n'
        'print(size + (n % 3 == 1) * 100)'
    )
    table = meter(tmp_path, code, repeats=3).table(net())
    for choice in ('narrow', 'wide'):
        path = {'blocks.0': choice, 'blocks.1': 'a'}
        assert sums(table, path) == pytest.approx(size_of(net(), path), rel=0.01)
    assert len(calls(tmp_path)) == 18


def test_the_first_network_is_measured_between_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(device_latency, 'BETWEEN', 2)
    meter(tmp_path).table(net())
    names = calls(tmp_path)
    assert names[0] == names[2] == names[5] and len(set(names)) == 6
    assert len(names) == 8


def test_a_device_that_is_not_steady(tmp_path, monkeypatch, warned):
    monkeypatch.setattr(device_latency, 'BETWEEN', 2)
    code = (
        'n = len(open(sys.argv[0] + ".calls").readlines())\n'
        'print(size * (1 + 0.2 * (n == 3)))'
    )
    meter(tmp_path, code).table(net())
    assert 'the same network took' in warned()[0]


def test_a_command_that_measures_something_else(tmp_path, warned):
    meter(tmp_path, 'print(3)').table(net())
    assert 'printed 3 for all of 6 networks' in warned()[0]


# What is kept


def test_nothing_is_measured_twice(tmp_path):
    first = meter(tmp_path, held_out=2).table(net())
    number = len(calls(tmp_path))
    assert meter(tmp_path, held_out=2).table(net()) == first
    # Of a search with another candidate, those without it are known.
    meter(tmp_path).table(net(width=61))
    assert number == 6 and len(calls(tmp_path)) == 6 + 3
    # Both tables are there.
    assert meter(tmp_path, held_out=2).table(net()) == first
    assert len(calls(tmp_path)) == 6 + 3


@pytest.mark.parametrize('change', ['command', 'pattern', 'batch_size'])
def test_what_another_command_measured_is_not_used(change, tmp_path):
    kept = meter(tmp_path)
    kept.table(net())
    number = len(calls(tmp_path))
    other = dict(pattern=r'(\S+)') if change == 'pattern' else {}
    other = dict(batch_size=2) if change == 'batch_size' else other
    made = meter(tmp_path, **other)
    if change == 'command':
        made = DeviceLatencyMeter(
            VECTOR, made.command + ' fast', held_out=0, file=kept.kept.path
        )
    made.table(net())
    assert len(calls(tmp_path)) == 2 * number
    # That of the first is still known.
    meter(tmp_path).table(net())
    assert len(calls(tmp_path)) == 2 * number


FAILS = {
    'status': 'sys.exit(5)',
    'hang': 'import time; time.sleep(60)',
    'nonsense': 'print("busy"); sys.exit()',
    'killed': 'os.kill(os.getpid(), 9)',
}


@pytest.mark.parametrize('kind', FAILS)
def test_a_command_that_fails_at_the_third_call_loses_nothing(kind, tmp_path):
    code = (
        'n = len(open(sys.argv[0] + ".calls").readlines())\n'
        f'if n == 3:\n    {FAILS[kind]}\n'
        'print(size)'
    )
    with pytest.raises(MeasurementError, match=r'^resource_estimator.latency.command'):
        meter(tmp_path, code, timeout=2.0 if kind == 'hang' else 30.0).table(net())
    content = json.loads((tmp_path / 'latency.json').read_text())
    (measured,) = content['measured'].values()
    assert len(measured) == 2 and content['tables'] == []
    table = meter(tmp_path, code).table(net())
    # Six networks, and the one that failed.
    assert len(calls(tmp_path)) == 7
    for choice in ('a', 'b', 'c'):
        path = {'blocks.0': 'narrow', 'blocks.1': choice}
        assert sums(table, path) == pytest.approx(size_of(net(), path), rel=0.01)


def test_a_search_that_is_stopped_goes_on(tmp_path, monkeypatch):
    run, number = device_latency.run_command, []

    def stopped(*args):
        number.append(1)
        if len(number) == 3:
            raise KeyboardInterrupt
        return run(*args)

    monkeypatch.setattr(device_latency, 'run_command', stopped)
    with pytest.raises(KeyboardInterrupt):
        meter(tmp_path).table(net())
    meter(tmp_path).table(net())
    assert len(calls(tmp_path)) == 6


@pytest.mark.parametrize(
    'content',
    ['', '[1]', '{"tables": 1}', '{"measured": {"x": {"y": [0]}}}', '{"a": 1}'],
)
def test_a_file_that_is_none_of_ours(content, tmp_path):
    (tmp_path / 'latency.json').write_text(content)
    with pytest.raises(ConfigError, match=r'latency\.file must be .*, but .*\.$'):
        meter(tmp_path).table(net())
    assert (tmp_path / 'latency.json').read_text() == content and not calls(tmp_path)


def add_some(path, command):
    kept = MeasuredFile(path, command)
    for amount in range(1, 31):
        kept.add('x', amount)
    kept.add_table(MeasuredTable(setting={}, blocks={}, fixed_part=1, held_out=[]))


def test_processes_with_one_file_lose_nothing(tmp_path):
    path = tmp_path / 'latency.json'
    commands = ('a', 'b', 'b')
    fork = multiprocessing.get_context('fork')
    processes = [fork.Process(target=add_some, args=(path, c)) for c in commands]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    content = MeasuredFile(path, '').read()
    assert {c: sum(own['x']) for c, own in content.measured.items()} == dict(
        a=465, b=930
    )
    # All have the table of the first one.
    assert len(content.tables) == 1
    other = MeasuredTable(setting={}, blocks={}, fixed_part=2, held_out=[])
    assert MeasuredFile(path, 'a').add_table(other).fixed_part == 1


def test_a_folder_that_has_gone_is_made_anew_or_told(tmp_path):
    kept = MeasuredFile(tmp_path / 'gone' / 'latency.json', 'a')
    assert kept.add('x', 1.0) == [1.0]
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='cannot be locked'):
        MeasuredFile(tmp_path / 'file' / 'latency.json', 'a').add('x', 1.0)


def test_too_few_networks(tmp_path):
    with pytest.raises(
        ConfigError, match=r'networks must be at least 4, .* but is 3\.$'
    ):
        meter(tmp_path, networks=3).table(net())
    assert not calls(tmp_path)
    meter(tmp_path, networks=4).table(net())
    assert len(set(calls(tmp_path))) == 4


def test_a_file_that_cannot_be_there_is_told_before_the_measuring(tmp_path):
    (tmp_path / 'file').touch()
    for path, error in (
        (tmp_path, ConfigError),
        (tmp_path / 'file' / 'x', OutputError),
        ('/proc/no/x', OutputError),
    ):
        with pytest.raises(error, match='latency.file'):
            meter(tmp_path, file=path).table(net())
    assert not calls(tmp_path)


def test_a_network_that_cannot_be_exported(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x).real

    model = ToyNet([block(a=Odd(), b=Odd())])
    with pytest.raises(ConfigError, match=r'latency must be None for networks'):
        meter(tmp_path).table(model)


# The child


def searching(folder, limit, code='print(size)', **cost):
    """A search whose most probable path is the largest one."""
    latency = dict(command=command(folder, code), held_out=0, file=f'{folder}/x.json')
    algorithm = algorithm_of(
        net(),
        finetune_epochs=1,
        cost=dict(limit=dict(latency=limit), **cost),
        resource_estimator=dict(input_shape=VECTOR, latency=latency),
    )
    set_alpha(algorithm.mutator, [0.0, 1.0], [0.0, 1.0, 2.0])
    algorithm.begin(epoch=0)
    return algorithm


# Whole networks are slower than their sums say where both blocks are wide.
OVER = 'print(size * (1.2 if size > 6.5 else 1))'


def whole(path):
    size = size_of(net(), dict(zip(('blocks.0', 'blocks.1'), path.values())))
    return size * (1.2 if size > 6.5 else 1)


def test_the_child_is_within_the_limit_as_a_whole(tmp_path):
    """For every limit between the cheapest and the largest path, by enumeration."""
    paths = all_paths(searching(tmp_path, 100.0).mutator)
    limits = sorted(whole(path) for path in paths)
    tightened = 0
    for limit in [*limits, *((a + b) / 2 for a, b in zip(limits, limits[1:]))]:
        algorithm = searching(tmp_path, limit * (1 + 1e-9), OVER)
        before = algorithm.mutator.derive_child()
        child = algorithm.begin(epoch=1)
        assert whole(child) <= limit * (1 + 1e-9)
        assert before == child or whole(before) > limit
        tightened += before != child
        assert algorithm.cost_term.limits['latency'] == limit * (1 + 1e-9)
    assert tightened > 1


def test_a_limit_that_no_network_keeps(tmp_path):
    code = (
        'n = len(open(sys.argv[0] + ".calls").readlines())\n'
        'print(size * (1 if n < 5 else 9))'
    )
    algorithm = searching(tmp_path, 8.0, code)
    with pytest.raises(ConfigError, match='no path is left whose sum') as found:
        algorithm.begin(epoch=1)
    assert 'limit is 8 ms' in str(found.value)


def test_a_limit_on_blocks_alone(tmp_path):
    free = searching(tmp_path, 100.0)
    rest = free.cost_table.fixed_part['latency']
    limit = whole(free.mutator.derive_child()) - rest - 0.1
    algorithm = searching(tmp_path, limit, OVER, count_fixed_part=False)
    before = algorithm.mutator.derive_child()
    child = algorithm.begin(epoch=1)
    assert whole(child) - rest <= limit < whole(before) - rest


def test_the_file_of_the_child_says_what_it_takes(tmp_path):
    from mmdsnas.subnets import child_checkpoint

    algorithm = searching(tmp_path, 100.0, OVER)
    table = algorithm.cost_table
    open_child = child_checkpoint(algorithm)['meta']['latency_ms']
    child = algorithm.begin(epoch=1)
    assert open_child == table.cost(child)['latency']
    number = len(calls(tmp_path))
    meta = child_checkpoint(algorithm)['meta']
    assert meta['latency_ms'] == pytest.approx(whole(child)) != open_child
    # It was not measured for that.
    assert len(calls(tmp_path)) == number


def test_a_damaged_file_ends_no_run_that_has_its_child(tmp_path, warned):
    from mmdsnas.subnets import child_checkpoint

    algorithm = searching(tmp_path, 100.0, OVER)
    child = algorithm.begin(epoch=1)
    (tmp_path / 'x.json').write_text('{')
    meta = child_checkpoint(algorithm)['meta']
    assert meta['latency_ms'] == algorithm.cost_table.cost(child)['latency']
    assert 'latency.file must be a file of what was measured' in warned()[-1]


def test_the_largest_of_three_measurements_counts(tmp_path):
    algorithm = searching(tmp_path, 100.0, OVER)
    child, number = algorithm.mutator.derive_child(), len(calls(tmp_path))
    assert algorithm.confirms(child)
    names = calls(tmp_path)[number:]
    assert len(names) == 2 and len(set(names)) == 1
    kept = algorithm.resource_estimator.meters['latency'].kept
    kept.read().measured[kept.command][names[0].partition('.')[0]][1] = 101.0
    kept._write()
    assert not algorithm.confirms(child)


# Ranks


def measured_on(folder):
    own = Path(folder) / str(torch.distributed.get_rank())
    own.mkdir()
    made = meter(own, 'print(size)' if own.name == '0' else 'sys.exit(1)')
    table = made.table(net())
    path = {'blocks.0': 'wide', 'blocks.1': 'c'}
    return [table.blocks, table.fixed_part, made.whole(net(), path)]


@pytest.mark.slow
def test_all_ranks_have_what_the_first_one_measured(tmp_path):
    first, second = on_ranks(2, tmp_path, measured_on, str(tmp_path))
    assert first == second and len(calls(tmp_path / '0')) == 6 + 2
    assert not calls(tmp_path / '1')
