"""Statistics, memory and tables of the speed benchmark, on numbers made up."""

import json
import sys

import numpy as np
import pytest
import torch

from benchmarks.speed import bench, timing
from benchmarks.speed.growth import off_line
from benchmarks.speed.idle import covered
from benchmarks.speed.page import DATA_PAGE, PAGE, page_tables
from benchmarks.speed.processes import PeakMemory, sizes
from benchmarks.speed.projection import hours, projection
from benchmarks.speed.report import report, spread
from benchmarks.speed.sections import LAYOUT_RATIOS as LAYOUTS
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
        layouts=dict(
            variants={'search, channels last': dict(times, images_per_second=40.0)},
            ratios={
                name: dict(wall=times['wall'], cpu=times['cpu']) for name in LAYOUTS
            },
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
        data=dict(settings=[data_setting()]),
    )


def data_setting():
    """What one of the data pipelines took."""
    rate = dict(default=dict(median=499, low=400, high=600), ours=dict(median=510))
    rate['ours'].update(low=410, high=610)
    split = dict(
        per_cpu_second=rate,
        ratio=dict(median=1.02, low=0.9, high=1.1),
        difference=dict(mean=1.25, largest=9),
        microseconds=dict(default=dict(flip=70.0, load=1100.0)),
    )
    loading = {'read the file': 95.0, 'decode': 1050.0, 'decode at 1/8, gray': 795.0}
    return dict(
        config='pipeline',
        size=[50, 40],
        bytes=3000,
        loading=loading,
        train=split,
        test=split,
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
        *('1.500', '1.250', '| search, channels last | 500.0', '| 40.0 |'),
        '50 x 40, 3 KB | train | 499 (400 to 600) | 510 (410 to 610) | 1.02 (0.90 to',
        *('1.2, 9', '| load | 1100 | 1100 |', '| in all | 1170 | 1170 |', 'gray 795.'),
    ):
        assert shown in text, shown
    lines = [line for line in text.splitlines() if line.startswith('|')]
    assert all(line.count('|') > 2 for line in lines)


def test_hours_by_hand():
    """8 GPUs, 1000 images/s each: 160 s for the images, 2 s for a validation."""
    seconds = 1_281_167 / 8000 + 50_000 / 3 / 8000
    assert hours(1000, 240) == pytest.approx(240 * seconds / 3600)
    assert hours(1000, 1, 2) == pytest.approx((seconds + 1_281_167 / 8000) / 3600)


def test_the_projection_by_hand():
    text = projection(made_up())
    search = hours(1000, 85, 0.5)
    finetune = hours(1000, 155, 0.5)
    assert (
        f'| 1000 | {search:.1f} + {finetune:.1f} = {search + finetune:.1f} '
        f'| {hours(1000, 240):.1f} | 17 |'
    ) in text


@pytest.mark.parametrize('page', [PAGE, DATA_PAGE])
def test_the_pages_show_the_file_of_results(page):
    text = page.read_text()
    shown = page_tables()
    names = ['data'] if page == DATA_PAGE else sorted(set(shown) - {'data'})
    for name in names:
        assert f'<!-- {name} -->\n\n{shown[name]}\n\n<!-- /{name} -->' in text, name


def test_a_file_keeps_the_sections_of_the_same_measurement(tmp_path):
    file = tmp_path / 'speed.json'
    result = dict(
        machine=dict(threads=2, load=0.1),
        workload=dict(batch=16),
        effort=dict(rounds=20),
    )
    assert bench.kept_sections(file, result) == {}
    file.write_text(json.dumps(dict(result, sections=dict(memory=1))))
    busier = dict(result, machine=dict(threads=2, load=3.0))
    assert bench.kept_sections(file, busier) == dict(memory=1)
    assert bench.kept_sections(file, dict(result, workload=dict(batch=32))) == {}
    assert bench.kept_sections(file, dict(result, effort=dict(rounds=4))) == {}


def test_the_command_writes_what_it_measured(workload, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out.json'
    options = ['--config', workload.config, '--image-size', '32', '--threads', '1']
    options += ['--only', 'table', '--out', str(out)]
    monkeypatch.setattr(sys, 'argv', ['bench', *options])
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    bench.main()
    result = json.loads(out.read_text())
    assert result['machine']['threads'] == torch.get_num_threads() == 1
    assert list(result['sections']) == ['table']
    assert np.isfinite(result['sections']['table']['wall'])
    assert f'{result["sections"]["table"]["wall"]:.2f} s' in capsys.readouterr().out
