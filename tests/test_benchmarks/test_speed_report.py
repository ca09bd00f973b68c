"""Tables, pages and the command of the speed benchmark, on numbers made up."""

import argparse
import json
import sys

import numpy as np
import pytest
import torch

from benchmarks.speed import bench
from benchmarks.speed.kept import DECODING, DEFAULT, FIRST, LATER
from benchmarks.speed.page import DATA_PAGE, PAGE, page_tables, targets
from benchmarks.speed.parts import PARTS, PLAIN_PARTS, WHOLE
from benchmarks.speed.projection import hours, projection
from benchmarks.speed.report import report, spread
from benchmarks.speed.sections import LAYOUT_RATIOS as LAYOUTS
from benchmarks.speed.sections import RATIOS, SECTIONS
from mmdsnas.errors import ConfigError


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
        parts=dict(
            search={name: 0.012 for name in (*PARTS, WHOLE)},
            plain={name: 0.0095 for name in (*PLAIN_PARTS, WHOLE)},
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
        kept=dict(config='c', settings=[kept_setting()]),
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


def kept_setting():
    """What a worker that keeps images took."""
    names = (DEFAULT, DECODING, FIRST, LATER)
    speed = {
        name: dict(median=100 * k, low=k, high=900) for k, name in enumerate(names)
    }
    ratios = {name: dict(median=k, low=0, high=9) for k, name in enumerate(names)}
    return dict(size=[40, 30], bytes=7000, per_cpu_second=speed, ratios=ratios)


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
        '| backward pass | 12.00 | 9.50 | 2.50 |',
        '| draw of the path | 12.00 |  | 12.00 |',
        *('1.500', '1.250', '| search, channels last | 500.0', '| 40.0 |'),
        '50 x 40, 3 KB | train | 499 (400 to 600) | 510 (410 to 610) | 1.02 (0.90 to',
        '| 40 x 30, 7 KB | 0 (0 to 900) | 100 (1 to 900) | 200 (2 to 900): x 2.00 ',
        '| 300 (3 to 900): x 3.00 (0.00 to 9.00) |',
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
    of_data = {'data', 'kept'}
    for name in of_data if page == DATA_PAGE else set(shown) - of_data:
        assert f'<!-- {name} -->\n\n{shown[name]}\n\n<!-- /{name} -->' in text, name


def test_targets_beside_what_was_measured():
    rows = targets(made_up()).splitlines()
    assert rows[2:] == [
        '| a search step, in plain steps | <= 1.05 | 0.500 |',
        '| a finetune step, in those of its child alone | <= 1.02 | 0.500 |',
        "| MMRazor's step, in search steps | >= 1.4 | 0.500 |",
        '| in the Runner, in bare steps | <= 1.03 | 1.020 |',
        '| a step with 7 candidates per block, in those with 2 '
        '| 0.95 to 1.05 | 1.020 |',
        '| peak memory of a search step | <= 512 MiB | 256 MiB |',
    ]


def test_some_sections_join_those_of_the_same_measurement(tmp_path):
    file = tmp_path / 'speed.json'
    result = dict(machine=dict(load=0.1), workload=dict(batch=16), effort=dict(n=20))
    assert bench.kept_sections(file, result) == {}
    file.write_text(json.dumps(dict(result, sections=dict(memory=1))))
    busier = dict(result, machine=dict(load=3.0))
    assert bench.kept_sections(file, busier) == dict(memory=1)
    with pytest.raises(ConfigError, match='workload.batch is 16 there and 32 now'):
        bench.kept_sections(file, dict(result, workload=dict(batch=32)))
    with pytest.raises(ConfigError, match='--out must be a new file.*effort.n is 20'):
        bench.kept_sections(file, dict(result, effort=dict(n=4)))


def test_results_of_gpus_have_files_of_their_own():
    args = argparse.Namespace(device='cuda', dtype='bf16', batch_size=128)
    file = bench.default_file(args, 'NVIDIA H100 80GB (HBM3)')
    assert file.name == 'speed_nvidia-h100-80gb-hbm3_bfloat16_128.json'
    args.device = 'cpu'
    assert bench.default_file(args, 'A CPU').name == 'speed_cpu.json'


def test_every_child_makes_a_step_before_it_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['bench', '--warmup', '3', '--paths', '4'])
    with pytest.raises(SystemExit):
        bench.main()
    assert '--warmup must be at least --paths, 4' in capsys.readouterr().err


@pytest.mark.slow
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
