"""The scripts that start several processes, as a user types them."""

import json
import os
import re
import socket
import stat
import subprocess
import sys

import pytest

from tests.test_tools.conftest import DIGITS, ROOT, SHORT, SMALL_TEST
from tests.test_tools.test_test import CHILD, last_validation
from tests.test_tools.test_train import log_of

SCRIPTS = ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh')


def program(folder, name, code):
    """Puts a Python program on the PATH of the scripts."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!{sys.executable}\n{code}')
    path.chmod(0o755)


# What the scripts and the launchers read, by the beginnings of the names.
READ = ('SLURM_', 'OMPI_', 'MASTER_', 'GPUS', 'NNODES', 'NODE_RANK', 'PORT')
READ += ('CPUS_PER_TASK', 'SRUN_ARGS', 'RANK', 'WORLD_SIZE', 'LOCAL_RANK')


def run(script, *args, cwd, path=(), returns=0, **env):
    """Runs a script; variables that it reads come from ``env`` alone."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(READ)
    }
    path = (*map(str, path), os.path.dirname(sys.executable), ours['PATH'])
    done = subprocess.run(
        ['bash', str(script), *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={
            **ours,
            'PATH': os.pathsep.join(path),
            'PYTHONPATH': str(ROOT),
            'CUDA_VISIBLE_DEVICES': '',
            # A process that is aborted tells where it was.
            'PYTHONFAULTHANDLER': '1',
            **env,
        },
    )
    assert done.returncode == returns, done.stdout + done.stderr
    return done


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])


@pytest.fixture
def spaced(tmp_path):
    """The checkout, seen through a path with spaces."""
    link = tmp_path / 'check out'
    link.symlink_to(ROOT)
    return link / 'tools'


@pytest.mark.parametrize('name', SCRIPTS)
def test_script_is_sound(name):
    path = ROOT / 'tools' / name
    subprocess.run(['bash', '-n', path], check=True)
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().startswith('#!/usr/bin/env bash\n')


@pytest.mark.parametrize(
    'name, args',
    [
        ('dist_train.sh', ['config.py']),
        ('dist_train.sh', ['config.py', '--work-dir', 'x']),
        ('dist_train.sh', ['config.py', '0']),
        ('dist_test.sh', ['config.py', 'x.pth']),
        ('dist_test.sh', ['config.py', 'x.pth', '2x']),
        ('dist_test.sh', ['config.py', 'x.pth', '0']),
        ('slurm_train.sh', ['partition', 'job', 'config.py']),
        ('slurm_test.sh', ['partition', 'job', 'config.py']),
    ],
)
def test_missing_arguments(tmp_path, name, args):
    done = run(ROOT / 'tools' / name, *args, cwd=tmp_path, returns=2)
    assert done.stderr.startswith('usage: ')
    assert name in done.stderr and len(done.stderr.splitlines()) == 1
    assert not done.stdout


@pytest.mark.parametrize('name', SCRIPTS[2:])
def test_number_of_gpus_of_slurm_is_checked(tmp_path, name):
    done = run(ROOT / 'tools' / name, *'abcd', cwd=tmp_path, returns=2, GPUS='all')
    assert done.stderr.startswith('usage: [GPUS=8] ')


SAYS_ARGUMENTS = """\
import json, os, sys
print(json.dumps([sys.argv[1:], os.environ.get('MASTER_PORT')]))
"""


def said(done):
    return json.loads(done.stdout)


def torchrun(*options):
    return ['-m', 'torch.distributed.run', *options]


def test_dist_train_passes_its_arguments_on(tmp_path, spaced):
    program(tmp_path / 'bin', 'python', SAYS_ARGUMENTS)
    args = ['my config.py', 4, '--work-dir', 'a b', '--cfg-options', 'x="*"']
    plain = run(spaced / 'dist_train.sh', *args, cwd=tmp_path, path=[tmp_path / 'bin'])
    tail = [
        f'{spaced}/train.py',
        'my config.py',
        *('--launcher', 'pytorch'),
        *args[2:],
    ]
    assert said(plain)[0] == [
        *torchrun('--nnodes=1', '--node_rank=0', '--master_addr=127.0.0.1'),
        *('--master_port=29500', '--nproc_per_node=4'),
        *tail,
    ]
    set_ = run(
        spaced / 'dist_train.sh',
        *args,
        cwd=tmp_path,
        path=[tmp_path / 'bin'],
        NNODES='3',
        NODE_RANK='2',
        MASTER_ADDR='first',
        PORT='29511',
    )
    assert said(set_)[0] == [
        *torchrun('--nnodes=3', '--node_rank=2', '--master_addr=first'),
        *('--master_port=29511', '--nproc_per_node=4'),
        *tail,
    ]


def test_dist_test_passes_its_arguments_on(tmp_path, spaced):
    program(tmp_path / 'bin', 'python', SAYS_ARGUMENTS)
    args = ['my config.py', 'my child.pth', 4, '--out', 'a b.pkl']
    tail = [
        f'{spaced}/test.py',
        *args[:2],
        *('--launcher', 'pytorch'),
        *args[3:],
    ]
    plain = run(spaced / 'dist_test.sh', *args, cwd=tmp_path, path=[tmp_path / 'bin'])
    assert said(plain)[0] == [
        *torchrun('--nnodes=1', '--node_rank=0', '--master_addr=127.0.0.1'),
        *('--master_port=29500', '--nproc_per_node=4'),
        *tail,
    ]
    set_ = run(
        spaced / 'dist_test.sh',
        *args,
        cwd=tmp_path,
        path=[tmp_path / 'bin'],
        NNODES='3',
        NODE_RANK='2',
        MASTER_ADDR='first',
        PORT='29511',
    )
    assert said(set_)[0] == [
        *torchrun('--nnodes=3', '--node_rank=2', '--master_addr=first'),
        *('--master_port=29511', '--nproc_per_node=4'),
        *tail,
    ]


@pytest.mark.parametrize('name', SCRIPTS[2:])
def test_slurm_passes_its_arguments_on(tmp_path, spaced, name):
    program(tmp_path / 'bin', 'srun', SAYS_ARGUMENTS)
    program(tmp_path / 'bin', 'python', '')
    train = name == 'slurm_train.sh'
    args = ['part', 'my job', 'my config.py', 'a b', '--cfg-options', 'x="a b"']
    tail = [
        f'{tmp_path}/bin/python',
        '-u',
        f'{spaced}/{"train" if train else "test"}.py',
        'my config.py',
        *(['--work-dir', 'a b'] if train else ['a b']),
        *('--launcher', 'slurm'),
        *args[4:],
    ]
    for env, gpus, per_node, cpus, more, port in (
        ({}, 8, 8, 5, [], '29500'),
        (dict(GPUS='2', PORT='29511'), 2, 2, 5, [], '29511'),
        (dict(GPUS='32', MASTER_PORT='29522'), 32, 8, 5, [], '29522'),
        (
            dict(
                GPUS='16',
                GPUS_PER_NODE='4',
                CPUS_PER_TASK='9',
                SRUN_ARGS='--gres=none  --time=9:00',
            ),
            *(16, 4, 9, ['--gres=none', '--time=9:00'], '29500'),
        ),
    ):
        done = run(spaced / name, *args, cwd=tmp_path, path=[tmp_path / 'bin'], **env)
        assert said(done) == [
            [
                *('--partition=part', '--job-name=my job', f'--gres=gpu:{per_node}'),
                *(f'--ntasks={gpus}', f'--ntasks-per-node={per_node}'),
                *(f'--cpus-per-task={cpus}', '--kill-on-bad-exit=1'),
                *more,
                *tail,
            ],
            port,
        ]


@pytest.mark.parametrize('name', SCRIPTS)
def test_python3_serves_where_there_is_no_python(tmp_path, name):
    """And a folder of that name in CDPATH does not lead astray."""
    folder = tmp_path / 'bin'
    program(folder, 'python3', SAYS_ARGUMENTS)
    program(folder, 'srun', SAYS_ARGUMENTS)
    for tool in ('bash', 'dirname'):
        (folder / tool).symlink_to(
            subprocess.check_output(['which', tool], text=True).strip()
        )
    (tmp_path / 'else' / 'tools').mkdir(parents=True)
    done = subprocess.run(
        ['bash', f'tools/{name}', 'a', '2', '3', '4'],
        cwd=ROOT,
        env=dict(PATH=str(folder), CDPATH=str(tmp_path / 'else')),
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(ROOT / 'tools' / f'{name.split("_")[1][:-3]}.py') in said(done)[0]
    if name.startswith('slurm'):
        assert str(folder / 'python3') in said(done)[0]


# Each of two ranks tests half of the 359 images, in batches of 120.
HALF = 'Epoch(test) [2/2]'


def accuracies(printed):
    """What tools/test.py prints at its end, which one rank does."""
    return re.findall(r'^accuracy/top1: ([\d.]+)$', printed, re.M)


@pytest.fixture(scope='module')
def two_ranks(tmp_path_factory):
    """A short search of two processes: its work directory and what it printed."""
    folder = tmp_path_factory.mktemp('two ranks')
    config = folder / 'my config.py'
    config.write_text(f"_base_ = ['{ROOT}/configs/dsnas/{DIGITS}.py']\n")
    done = run(
        ROOT / 'tools' / 'dist_train.sh',
        config.name,
        2,
        *('--work-dir', 'my work', '--cfg-options'),
        *SHORT,
        'train_dataloader.batch_size=32',
        cwd=folder,
        PORT=free_port(),
    )
    return folder / 'my work', done.stdout + done.stderr


def test_dist_train_shares_the_epochs(two_ranks):
    work_dir, _ = two_ranks
    train = [line for line in log_of(work_dir) if 'entropy' in line]
    # 128 images in batches of 32: two iterations for each of two ranks.
    assert [line['epoch'] for line in train] == [1, 1, 2, 2, 3, 3]
    assert (work_dir / 'subnet.pth').is_file()


def test_dist_test_gives_the_accuracy_of_the_last_validation(two_ranks, tmp_path):
    work_dir, printed = two_ranks
    done = run(
        ROOT / 'tools' / 'dist_test.sh',
        CHILD,
        work_dir / 'subnet.pth',
        2,
        *('--cfg-options', *SMALL_TEST),
        cwd=tmp_path,
        PORT=free_port(),
    )
    assert HALF in done.stdout
    assert accuracies(done.stdout) == [last_validation(printed)]


SRUN = """\
import os, subprocess, sys
options = [arg for arg in sys.argv[1:] if arg.startswith('--')]
command = sys.argv[1 + next(i for i, a in enumerate(sys.argv[1:]) if a[:1] != '-'):]
number = next(o.split('=')[1] for o in options if o.startswith('--ntasks='))
tasks = [
    subprocess.Popen(
        command,
        env={
            **os.environ,
            'SLURM_PROCID': str(rank),
            'SLURM_LOCALID': str(rank),
            'SLURM_NTASKS': number,
            'SLURM_NODELIST': 'node[1-2]',
        },
    )
    for rank in range(int(number))
]
sys.exit(max(task.wait() for task in tasks))
"""
SCONTROL = """\
import sys
assert sys.argv[1:] == ['show', 'hostnames', 'node[1-2]'], sys.argv
print('127.0.0.1\\nnode2')
"""


def test_slurm_test_gives_the_accuracy_of_the_last_validation(two_ranks, tmp_path):
    """With an srun that starts the tasks on this machine, which has no GPU."""
    work_dir, printed = two_ranks
    program(tmp_path / 'bin', 'srun', SRUN)
    program(tmp_path / 'bin', 'scontrol', SCONTROL)
    done = run(
        ROOT / 'tools' / 'slurm_test.sh',
        *('part', 'my job', CHILD, work_dir / 'subnet.pth'),
        *('--cfg-options', *SMALL_TEST),
        cwd=tmp_path,
        path=[tmp_path / 'bin'],
        GPUS='2',
        PORT=free_port(),
    )
    assert HALF in done.stdout
    assert accuracies(done.stdout) == [last_validation(printed)]


def test_mpi(two_ranks, tmp_path):
    """The variables that Open MPI sets, for two processes without a GPU."""
    work_dir, printed = two_ranks
    port = free_port()
    ranks = [
        subprocess.Popen(
            [
                *(sys.executable, ROOT / 'tools' / 'test.py', CHILD),
                *(work_dir / 'subnet.pth', '--launcher', 'mpi'),
                *('--cfg-options', *SMALL_TEST),
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                'PYTHONPATH': str(ROOT),
                'CUDA_VISIBLE_DEVICES': '',
                'MASTER_ADDR': '127.0.0.1',
                'MASTER_PORT': port,
                'OMPI_COMM_WORLD_SIZE': '2',
                'OMPI_COMM_WORLD_RANK': str(rank),
                'OMPI_COMM_WORLD_LOCAL_RANK': str(rank),
            },
        )
        for rank in range(2)
    ]
    told = [rank.communicate()[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert HALF in told[0]
    assert accuracies(told[0]) == [last_validation(printed)]
    assert accuracies(told[1]) == []
