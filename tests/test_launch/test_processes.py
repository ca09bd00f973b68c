import os
import subprocess
from datetime import timedelta

import pytest
import torch
from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.launch import processes, run_config, run_steps
from mmdsnas.launch.given_options import Given

SETS = {
    'pytorch': ('RANK', 'WORLD_SIZE'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
}


@pytest.fixture
def joined(monkeypatch):
    """An environment without launchers; records the groups that are made."""
    for name in (*SETS['pytorch'], *SETS['slurm'], *SETS['mpi']):
        monkeypatch.delenv(name, raising=False)
    for name in ('LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT', 'SLURM_NODELIST'):
        monkeypatch.delenv(name, raising=False)
    # What start_processes sets is taken back, too.
    monkeypatch.setattr(os, 'environ', dict(os.environ))
    monkeypatch.setattr(processes, 'get_device', lambda: 'cpu')
    groups = []
    names = ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')

    def init_process_group(backend, **more):
        groups.append((backend, *(os.environ[n] for n in names), *more.values()))

    monkeypatch.setattr(torch.distributed, 'init_process_group', init_process_group)
    return groups


def start(config, launcher, local_rank=0):
    config.launcher = launcher
    processes.start_processes(config, Given(local_rank=local_rank))


def started_by(launcher, **more):
    os.environ.update(zip(SETS[launcher], ('3', '8'), strict=True), **more)


@pytest.mark.parametrize('launcher', SETS)
def test_gloo_joins_the_processes_on_the_cpu(joined, launcher):
    started_by(launcher, MASTER_ADDR='first')
    config = Config(dict())
    start(config, launcher)
    started_by(launcher, MASTER_PORT='29511')
    start(config, launcher)
    assert joined == [('gloo', '3', '8', 'first', port) for port in ('29500', '29511')]
    assert config.launcher == launcher


@pytest.mark.parametrize('launcher', SETS)
def test_mmengine_joins_the_processes_on_a_gpu(joined, monkeypatch, launcher):
    monkeypatch.setattr(processes, 'get_device', lambda: 'cuda')
    by_mmengine = []
    monkeypatch.setattr(
        processes, 'init_dist', lambda *a, **k: by_mmengine.append((a, k))
    )
    started_by(launcher, MASTER_ADDR='first')
    config = Config(dict(env_cfg=dict(dist_cfg=dict(backend='nccl'))))
    start(config, launcher, 2)
    assert not joined
    assert by_mmengine == [((launcher,), dict(backend='nccl'))]
    assert (config.launcher, os.environ['LOCAL_RANK']) == (launcher, '2')


def test_timeout_reaches_the_processes(joined, monkeypatch):
    started_by('pytorch', MASTER_ADDR='first')
    config = Config(dict(env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=7))))
    start(config, 'pytorch')
    assert joined == [('gloo', '3', '8', 'first', '29500', timedelta(seconds=7))]
    monkeypatch.setattr(processes, 'get_device', lambda: 'cuda')
    by_mmengine = []
    monkeypatch.setattr(processes, 'init_dist', lambda *a, **k: by_mmengine.append(k))
    start(config, 'pytorch')
    assert by_mmengine == [dict(backend='nccl', timeout=7)]


def test_configs_bound_the_waiting():
    config = run_config.load_config('dsnas_supernet_1xb64_digits')
    assert config.env_cfg.dist_cfg.timeout == 1800


def test_one_process_joins_nothing(joined):
    config = Config(dict())
    start(config, 'none')
    assert config.launcher == 'none' and not joined


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
@pytest.mark.parametrize(
    'launcher, program',
    [('pytorch', 'torchrun'), ('slurm', 'srun'), ('mpi', "Open MPI's mpirun")],
)
def test_launcher_that_did_not_start_the_process(
    joined, monkeypatch, launcher, program, device
):
    monkeypatch.setattr(processes, 'get_device', lambda: device)
    for missing in SETS[launcher]:
        started_by(launcher, MASTER_ADDR='first')
        del os.environ[missing]
        with pytest.raises(
            ConfigError,
            match=(
                f'^--launcher {launcher} needs the environment variable {missing}: '
                f'start the processes by {program}, which sets it.$'
            ),
        ):
            start(Config(dict()), launcher)
    assert not joined


@pytest.mark.parametrize('launcher', ['pytorch', 'mpi'])
def test_address_of_rank_0_is_needed(joined, launcher):
    started_by(launcher)
    with pytest.raises(ConfigError, match=f'^--launcher {launcher} .* MASTER_ADDR: '):
        start(Config(dict()), launcher)


def test_address_of_rank_0_in_a_slurm_job(joined, monkeypatch):
    calls = []

    def run(command, **kwargs):
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, stdout='node1\nnode2\n')

    monkeypatch.setattr(subprocess, 'run', run)
    started_by('slurm', SLURM_NODELIST='node[1-2]')
    start(Config(dict()), 'slurm')
    assert calls == [['scontrol', 'show', 'hostnames', 'node[1-2]']]
    assert joined == [('gloo', '3', '8', 'node1', '29500')]


@pytest.mark.parametrize('script', [None, 'echo node1; exit 1', 'true'])
def test_address_of_rank_0_that_slurm_does_not_tell(joined, tmp_path, script):
    """No scontrol, one that fails, one that says nothing."""
    if script:
        (tmp_path / 'scontrol').write_text(f'#!/bin/sh\n{script}\n')
        (tmp_path / 'scontrol').chmod(0o755)
    started_by('slurm', SLURM_NODELIST='node[1-2]', PATH=str(tmp_path))
    message = '^The first machine of the Slurm job cannot be found by scontrol'
    with pytest.raises(ConfigError, match=message):
        start(Config(dict()), 'slurm')
    del os.environ['SLURM_NODELIST']
    with pytest.raises(ConfigError, match=message):
        start(Config(dict()), 'slurm')
    assert not joined


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_scale_lr_knows_all_processes(monkeypatch, device):
    """The group is there before the learning rate is scaled, on every device."""
    started = []
    monkeypatch.setattr(processes, 'get_device', lambda: device)
    monkeypatch.setattr(processes, 'init_dist', lambda *a, **k: started.append(a))
    monkeypatch.setattr(
        processes.torch.distributed,
        'init_process_group',
        lambda *a, **k: started.append(a),
    )
    monkeypatch.setattr(run_steps, 'get_world_size', lambda: 8 if started else 1)
    monkeypatch.setattr(
        os, 'environ', dict(RANK='0', WORLD_SIZE='8', MASTER_ADDR='first')
    )
    config = run_config.load_config('dsnas_supernet_1xb64_digits')
    start(config, 'pytorch')
    config.auto_scale_lr.enable = True
    run_steps.scale_lr(config, Given())
    assert config.optim_wrapper.architecture.optimizer.lr == pytest.approx(0.8)
