"""Runs whose child must be within a limit that a command measures, as a whole."""

import csv
import json
import shlex
import sys

import pytest

from mmdsnas import load_child, pick
from mmdsnas.errors import MeasurementError
from mmdsnas.models.cost.network_files import NetworkFiles
from tests import small_choice
from tests.small_choice import SIZE, SIZES, config_of
from tests.small_search import run
from tests.toy_run import same

# What two larger blocks take together, beyond the sum of both.
SCRIPT = """\
import os, sys
with open(sys.argv[0] + '.calls', 'a') as file:
    file.write('x')
number = os.path.getsize(sys.argv[0] + '.calls')
if number in {fails}:
    sys.exit('the device has gone')
size = os.path.getsize(sys.argv[1]) / 1000
print(size * (1.2 if size > {large} else 1))
"""


def sizes():
    """Of the files of all paths, by their candidates."""
    algorithm = small_choice.algorithm_of(input_sizes=SIZES)
    files = NetworkFiles(algorithm.architecture, (1, 3, SIZE, SIZE), 'onnx')
    names = list(algorithm.cost_table.blocks)
    kinds = ('full', 'small', 'skip')
    paths = [(a, b) for a in kinds for b in kinds]
    return {path: len(files.of(dict(zip(names, path)))) / 1000 for path in paths}


SIZE_OF = sizes()
# Above it are 'full' beside 'small' and beside itself.
LARGE = SIZE_OF['full', 'skip'] + 0.2


def whole(path):
    size = SIZE_OF[tuple(path)]
    return size * (1.2 if size > LARGE else 1)


def config(folder, limit, fails=(), **options):
    folder.mkdir(exist_ok=True)
    script = folder / 'bench.py'
    script.write_text(SCRIPT.format(fails=list(fails), large=LARGE))
    latency = dict(
        command=shlex.join([sys.executable, str(script), '{model}']),
        held_out=0,
        file=str(folder / 'latency.json'),
    )
    return config_of(
        folder / 'work',
        model__cost=dict(limit=dict(latency=limit)),
        model__resource_estimator=dict(input_shape=(1, 3, SIZE, SIZE), latency=latency),
        **options,
    )


def calls(folder):
    file = folder / 'bench.py.calls'
    return file.stat().st_size if file.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize('finalists', [1, 3])
def test_all_that_compete_are_within_the_limit_as_a_whole(tmp_path, finalists):
    limit = SIZE_OF['full', 'small'] + 0.01
    assert whole(['full', 'small']) > limit > whole(['full', 'skip'])
    hook = dict(num_finalists=finalists)
    algorithm = run(config(tmp_path, limit, hook=hook)).model
    child = [*algorithm.mutator.fixed.values()]
    assert whole(child) <= limit and not algorithm.mutator.free
    with open(tmp_path / 'work' / 'choice.csv', newline='') as file:
        trained = [r['path'].split() for r in csv.DictReader(file) if r['losses']]
    assert all(whole(path) <= limit for path in trained)
    assert bool(trained) == (finalists > 1)
    # Limits on sums are those of the size that was too slow alone.
    assert min(algorithm.cost_term.sums.values()) <= limit
    meta = load_child(tmp_path / 'work' / 'subnet.pth')
    assert meta is not None


@pytest.mark.slow
def test_a_device_that_goes_when_the_child_is_measured(tmp_path):
    """The run ends with a sentence; it goes on to the child that it would have had."""
    limit = SIZE_OF['full', 'small'] + 0.01
    wanted = run(config(tmp_path / 'one', limit)).model
    folder = tmp_path / 'other'
    # In the table of nine networks at three sizes, and when the child is measured.
    for fails in ([4], [30]):
        resume = (folder / 'work' / 'last_checkpoint').exists()
        with pytest.raises(MeasurementError, match='the device has gone'):
            run(config(folder, limit, fails, resume=resume))
    assert (folder / 'work' / 'last_checkpoint').exists()
    found = run(config(folder, limit, resume=True)).model
    assert same(found.state_dict(), wanted.state_dict())
    assert calls(folder) == calls(tmp_path / 'one') + 2
    file = json.loads((folder / 'latency.json').read_text())
    assert len(file['tables']) == 1


@pytest.mark.slow
def test_another_limit_of_the_same_run_measures_only_its_own_child(tmp_path):
    limit = SIZE_OF['full', 'small'] + 0.01
    run(config(tmp_path, limit))
    before = calls(tmp_path)
    algorithm = run(
        config(tmp_path, 2 * SIZE_OF['full', 'full'], train_cfg__max_epochs=2)
    ).model
    # The network itself, which is the reference.
    assert set(algorithm.mutator.fixed.values()) == {'full'}
    assert calls(tmp_path) - before <= 2


@pytest.mark.slow
def test_what_a_run_knows_of_another_limit_is_measured(tmp_path):
    """pick takes no network that the run found to be too slow, and measures none."""
    limits = [SIZE_OF['full', 'full'] * 2, SIZE_OF['full', 'small'] + 0.01]
    made = config(tmp_path, None)
    made.model.cost = dict(limits=[dict(latency=limit) for limit in limits])
    made.model.distillation = None
    run(made)
    before = calls(tmp_path)
    picked = pick(tmp_path / 'work', dict(latency=limits[1] * 1.001))
    assert picked.cost['latency'] <= limits[1] * 1.001
    # Of the table's networks, which were measured once, it goes by sums; so it is
    # until a child is measured three times.
    file = tmp_path / 'latency.json'
    content = json.loads(file.read_text())
    (own,) = content['measured'].values()
    for name, found in own.items():
        own[name] = found[:1] * 3
    file.write_text(json.dumps(content))
    picked = pick(tmp_path / 'work', dict(latency=limits[1] * 1.001))
    path = [picked.subnet[name] for name in sorted(picked.subnet)]
    assert whole(path) == picked.cost['latency'] <= limits[1] * 1.001
    assert picked.input_size == SIZE
    for name in own:
        own[name] = [1e3] * 3
    file.write_text(json.dumps(content))
    # No network is fast enough at this size.
    assert pick(tmp_path / 'work', dict(latency=limits[1] * 1.001)).input_size < SIZE
    assert calls(tmp_path) == before
