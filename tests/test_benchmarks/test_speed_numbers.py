"""Statistics, memory and tables of the speed benchmark, on numbers made up."""

import json
import sys

import numpy as np
import pytest
import torch

from benchmarks.speed import bench, timing
from benchmarks.speed.growth import off_line
from benchmarks.speed.idle import covered
from benchmarks.speed.processes import PeakMemory, sizes
from benchmarks.speed.report import report, spread
from benchmarks.speed.sections import RATIOS, SECTIONS
from benchmarks.speed.timing import quartiles, ratio, take_turns


class Fake:
    """A step that takes what the test says."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def prepare(self, index):
        self.calls.append(f'prepare {self.name} {index}')

    def run(self, index):
        self.calls.append(f'{self.name} {index}')


def test_quartiles_by_hand():
    assert quartiles([5, 1, 2, 4, 3]) == (3, 2, 4)
    assert quartiles([0, 1]) == (0.5, 0.25, 0.75)


def test_a_ratio_is_of_the_same_rounds():
    """The ratio of the medians would be 2.5."""
    assert ratio([2, 5, 40], [1, 2, 20]) == quartiles([2, 2.5, 2])


def test_variants_take_turns_and_the_warmup_does_not_count(monkeypatch):
    calls = []

    def timed(function, device):
        function()
        return dict(wall=float(len(calls)), cpu=0.5)

    monkeypatch.setattr(timing, 'timed', timed)
    times = take_turns({name: Fake(name, calls) for name in 'abc'}, 3, 1)
    order = [call for call in calls if not call.startswith('prepare')]
    assert order == (
        ['a 0', 'b 0', 'c 0', 'b 1', 'c 1', 'a 1']
        + ['c 2', 'a 2', 'b 2', 'a 3', 'b 3', 'c 3']
    )
    # Each is prepared right before it runs.
    assert calls[::2] == [f'prepare {call}' for call in order]
    assert times['a'].wall == [12.0, 16.0, 20.0] and times['a'].cpu == [0.5] * 3


def test_the_distance_from_a_line():
    assert off_line([5, 10, 20, 40], [2.0, 3.0, 5.0, 9.0]) == pytest.approx(0, abs=1e-9)
    assert off_line([1, 2, 3, 4], [1.0, 4.0, 9.0, 16.0]) > 0.2


def test_overlapping_kernels_count_once():
    assert covered([(5, 6), (0, 2), (1, 3), (1.5, 2)]) == 4


def test_the_peak_is_of_what_came_and_went():
    memory = PeakMemory('cpu')
    memory.start()
    size = 96 * 2**20
    kept = torch.ones(size // 4)
    del kept
    first = memory.read()
    assert first == pytest.approx(size, rel=0.1)
    memory.start()
    assert memory.read() < size / 2


def test_sizes_by_hand():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=1, momentum=0.9)
    model[0](torch.ones(1, 3)).sum().backward()
    optimizer.step()
    # 8 + 4 numbers and two statistics of float32, one count of int64.
    assert sizes(model, optimizer) == dict(weights=(12 + 4) * 4 + 8, state=8 * 4)


def test_spread_in_milliseconds():
    assert spread((0.0125, 0.01, 0.02), 1e3, 1) == '12.5 (10.0 to 20.0)'


def made_up():
    """A result with every section."""
    times = dict(wall=[0.5, 0.4, 0.6], cpu=[0.25, 0.2, 0.3])
    ratios = dict(ratio=[1.02, 1.0, 1.04], cpu_ratio=[1.01, 1.0, 1.03])
    memory = dict(peak=2**28, weights=2**24, state=2**24)
    rows = [dict(size=7, memory=memory, **times, **ratios)]
    return dict(
        steps=dict(
            variants={'search': dict(times, images_per_second=32.0)},
            ratios={name: times for name in RATIOS},
            idle=0.25,
        ),
        memory=dict(variants=dict(search=memory), limit=2**29),
        runner=dict(
            **times,
            **ratios,
            bare=[0.49, 0.4, 0.5],
            mean_ratio=1.5,
            mean_cpu_ratio=1.25,
            checkpoint=dict(seconds=0.75, bytes=2**27),
        ),
        table=dict(wall=3.25, cpu=1.0),
        candidates=dict(rows=rows),
        blocks=dict(rows=rows, off_line=0.031, cpu_off_line=0.012),
        ranks={'2': dict(search=dict(wall=[1.0, 0.9, 1.1], bytes=2**26))},
    )


def test_the_report_shows_every_number():
    sections = made_up()
    assert set(sections) == set(SECTIONS)
    machine = dict(device='A CPU', threads=3, torch='2')
    load = dict(config='c', batch_size=16, image_size=224, dtype='float32')
    # As a file has it, which orders by the alphabet.
    stored = json.loads(json.dumps(sections, sort_keys=True))
    text = report(dict(machine=machine, workload=load, sections=stored))
    ratios = [text.index(f'| {name} |') for name in RATIOS]
    assert text.index('A training step') < min(ratios) < text.index('Peak memory')
    for shown in (
        *('A CPU, 3 thread', '| search | 500.0 (400.0 to 600.0) | 250.0', '| 32.0 |'),
        *('25.0%', '| 256 | 16 | 16 |', '512 MiB', '1.020 (1.000 to 1.040)', '0.75'),
        *('128.0', '3.25 s', '| 7 |', '3.1%', '| 2 | search | 1000.0', '| 64.0 |'),
        *('1.500', '1.250'),
    ):
        assert shown in text, shown
    lines = [line for line in text.splitlines() if line.startswith('|')]
    assert all(line.count('|') > 2 for line in lines)


def test_the_command_writes_what_it_measured(workload, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out.json'
    options = ['--config', workload.config, '--image-size', '32', '--only', 'table']
    monkeypatch.setattr(sys, 'argv', ['bench', *options, '--out', str(out)])
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    bench.main()
    result = json.loads(out.read_text())
    assert result['machine']['threads'] == torch.get_num_threads() == 1
    assert list(result['sections']) == ['table']
    assert np.isfinite(result['sections']['table']['wall'])
    assert f'{result["sections"]["table"]["wall"]:.2f} s' in capsys.readouterr().out
