"""The scripts that measure a file on a device; ssh is one that stays here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmdsnas.models.cost.network_files import NetworkFiles
from tests.conftest import ROOT
from tests.toy import smooth_net

SCRIPTS = ROOT / 'tools' / 'device'
VECTOR = (1, 1, 6)
FAKES = dict(
    scp='shift; cp "$1" "${2#*:}"',
    ssh='shift; exec sh -c "$1"',
    benchmark_app=(
        'test -s "$2" || { echo "no such model"; exit 3; }\n'
        'echo "[ INFO ]    Median:        0.25 ms"\n'
        'echo "[ INFO ]    Max:           9.00 ms"'
    ),
)


@pytest.fixture
def model(tmp_path):
    pytest.importorskip('onnxruntime')
    file = tmp_path / 'x.onnx'
    net = smooth_net().float()
    choices = {f'blocks.{k}': 'tanh' for k in range(3)}
    file.write_bytes(NetworkFiles(net, VECTOR, 'onnx').of(choices))
    return file


def run(name, file, tmp_path, **variables):
    folder = tmp_path / 'bin'
    folder.mkdir(exist_ok=True)
    for fake, code in FAKES.items():
        (folder / fake).write_text(f'#!/bin/sh\n{code}\n')
        (folder / fake).chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ['PATH']])
    core = str(min(os.sched_getaffinity(0)))
    given = dict(PATH=path, PYTHON=sys.executable, CORE=core, **variables)
    return subprocess.run(
        [SCRIPTS / name, file],
        capture_output=True,
        text=True,
        env={**os.environ, **given},
    )


@pytest.mark.skipif(not shutil.which('taskset'), reason='needs taskset')
def test_here_and_by_ssh(model, tmp_path):
    for name, variables in (
        ('onnxruntime.sh', {}),
        ('ssh.sh', dict(HOST='pi@camera')),
    ):
        done = run(name, model, tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        assert 0 < float(done.stdout) < 1000
    # Nothing is left on that machine.
    assert not Path('/tmp/mmdsnas-x.onnx').exists()


@pytest.mark.skipif(not shutil.which('taskset'), reason='needs taskset')
def test_what_fails_there_fails_here(model, tmp_path):
    model.write_bytes(b'no model')
    for name in ('onnxruntime.sh', 'ssh.sh'):
        done = run(name, model, tmp_path, HOST='pi@camera')
        assert done.returncode and not done.stdout and done.stderr
    done = run('ssh.sh', model, tmp_path)
    assert done.returncode and 'HOST' in done.stderr


def test_the_median_of_benchmark_app(model, tmp_path):
    assert run('benchmark_app.sh', model, tmp_path).stdout == '0.25\n'
    # What it does not know is told, not nothing.
    model.write_bytes(b'')
    done = run('benchmark_app.sh', model, tmp_path)
    assert done.returncode == 3 and not done.stdout and 'no such model' in done.stderr
