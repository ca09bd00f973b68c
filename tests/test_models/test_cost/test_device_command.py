"""Commands that measure a file, and what they may do instead."""

import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from mmdsnas.errors import ConfigError, MeasurementError
from mmdsnas.models.cost import DeviceLatencyMeter
from mmdsnas.models.cost.device_command import run_command

VECTOR = (1, 1, 6)


def python(code, *words):
    return shlex.join([sys.executable, '-c', code, *words])


def run(command, tmp_path, timeout=30.0, pattern=None):
    file = tmp_path / 'a file.onnx'
    file.write_bytes(b'1234567')
    return run_command(command, file, timeout, pattern)


def test_the_last_number_counts(tmp_path):
    code = (
        'import os, sys; print("batch 3, median", os.path.getsize(sys.argv[1]), "ms")'
    )
    assert run(python(code, '{model}'), tmp_path) == 7
    for printed, number in (
        ('0.25', 0.25),
        ('1e-3', 1e-3),
        ('x2y .5', 0.5),
        ('took: +12.', 12.0),
        ('mean 3.1\nmedian 2.9 ms\n', 2.9),
        ('2.5ms', 2.5),
        ('2.5 ms in fp16 on x86-64', 2.5),
        ('It took 2.5.', 2.5),
        ('information: 2.5 ms, no nanoseconds', 2.5),
    ):
        assert run(python(f'print({printed!r})', '{model}'), tmp_path) == number


def test_a_pattern_says_where_the_number_is(tmp_path):
    code = 'print("median = 3.5 ms, 100 runs\\nmedian = 4.5 ms, 200 runs")'
    command = python(code, '{model}')
    assert run(command, tmp_path) == 200
    assert run(command, tmp_path, pattern=r'median = (\S+)') == 4.5


def test_no_shell_reads_the_name_of_the_file(tmp_path):
    code = 'import sys; print(len(sys.argv), len(sys.argv[1].split("=")[1]))'
    command = python(code, '--model={model}', '$HOME;', '{model}')
    assert run(command, tmp_path) == len(str(tmp_path / 'a file.onnx'))


@pytest.mark.parametrize(
    'code, said',
    [
        ('raise SystemExit(3)', 'ended with 3.'),
        ('import sys; sys.exit("no device.")', 'ended with 1: no device.'),
        ('print("lost"); raise SystemExit(2)', 'ended with 2: lost.'),
        ('import os; os.kill(os.getpid(), 9)', 'was ended by SIGKILL.'),
        ('pass', "printed ''."),
        ('print("nan")', "printed 'nan'."),
        ('print("0.0 ms")', "printed '0.0 ms'."),
        ('print("-3")', "printed '-3'."),
        ('print("7 runs: nan ms")', "printed '7 runs: nan ms'."),
        ('print("7 runs: Inf")', "printed '7 runs: Inf'."),
        ('print("7 runs: 12,5 ms")', "printed '7 runs: 12,5 ms'."),
        ('print("7 runs: 1,234.5")', "printed '7 runs: 1,234.5'."),
        ('print("2.5 ms, version 1.2.3")', "printed '2.5 ms, version 1.2.3'."),
        ('print("1e999")', "printed '1e999'."),
    ],
)
def test_what_a_command_must_not_do(code, said, tmp_path):
    with pytest.raises(MeasurementError) as found:
        run(python(code, '{model}'), tmp_path)
    sentence = str(found.value)
    assert sentence.startswith('resource_estimator.latency.command must ')
    assert sentence.endswith(said) and '\n' not in sentence


def test_a_pattern_that_finds_nothing_or_no_number(tmp_path):
    for printed in ('mean 3', 'median x'):
        with pytest.raises(MeasurementError, match=r'latency\.pattern finds, but'):
            run(
                python(f'print({printed!r})', '{model}'), tmp_path, pattern='median (.)'
            )


def test_a_command_that_is_not_there(tmp_path):
    with pytest.raises(
        MeasurementError, match=r'started, but .*: ./no.sh: No such file'
    ):
        run('./no.sh {model}', tmp_path)
    (tmp_path / 'x.sh').touch()
    with pytest.raises(MeasurementError, match='Permission denied'):
        run(f'{tmp_path}/x.sh {{model}}', tmp_path)


def test_a_command_that_hangs_ends_with_all_that_it_started(tmp_path):
    note = tmp_path / 'pid'
    code = (
        'import subprocess, sys, time\n'
        'p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])\n'
        f'open({str(note)!r}, "w").write(str(p.pid))\n'
        'time.sleep(60)'
    )
    start = time.monotonic()
    with pytest.raises(MeasurementError, match=r'within .*timeout=1 seconds'):
        run(python(code, '{model}'), tmp_path, timeout=1.0)
    assert time.monotonic() - start < 30
    assert is_gone(int(note.read_text()))


def is_gone(pid):
    """Whether a process ends soon."""
    for _ in range(100):
        try:
            text = Path(f'/proc/{pid}/stat').read_text()
        except FileNotFoundError:
            return True
        if text.rpartition(')')[2].split()[0] == 'Z':
            return True
        time.sleep(0.05)
    return False


def test_a_command_that_ignores_to_be_ended(tmp_path):
    code = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)'
    with pytest.raises(MeasurementError, match='timeout'):
        run(python(code, '{model}'), tmp_path, timeout=0.5)


def test_what_a_command_leaves_running_keeps_nobody_waiting(tmp_path):
    """It holds the output open; it is ended, too."""
    code = (
        'import subprocess, sys\n'
        'p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])\n'
        'print(p.pid, "ms")'
    )
    start = time.monotonic()
    assert is_gone(int(run(python(code, '{model}'), tmp_path)))
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(command='./bench.sh'), r'have \{model\} where the file'),
        (dict(command='"{model}'), 'be a command as a shell takes it'),
        (dict(command='x {model}', pattern='('), 'be a regular expression'),
        (dict(command='x {model}', pattern='ms'), 'one pair of parentheses'),
        (dict(command='x {model}', timeout=0), 'timeout'),
        (dict(command='x {model}', format='tflite'), "'onnx' or 'pt2'"),
        (dict(command='x {model}', backend='pytorch'), 'backend'),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises((ConfigError, TypeError), match=message) as found:
        DeviceLatencyMeter(VECTOR, **options)
    assert re.search(next(n for n in reversed(options)), str(found.value))
