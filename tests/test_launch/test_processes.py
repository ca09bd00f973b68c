import os
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
    config = Config(dict(env_cfg=dict(dist_cfg=dict(backend='nccl'))))
    start(config, launcher)
    started_by(launcher, MASTER_PORT='29511')
    config.env_cfg.dist_cfg.timeout = 7
    start(config, launcher)
    first = ('gloo', '3', '8', 'first')
    assert joined == [(*first, '29500'), (*first, '29511', timedelta(seconds=7))]


@pytest.mark.parametrize('launcher', SETS)
def test_mmengine_joins_the_processes_on_a_gpu(joined, monkeypatch, launcher):
    by_mmengine = []
    monkeypatch.setattr(processes, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(
        processes, 'init_dist', lambda *a, **k: by_mmengine.append((a, k))
    )
    started_by(launcher, MASTER_ADDR='first')
    options = dict(backend='nccl', timeout=7)
    start(Config(dict(env_cfg=dict(dist_cfg=options))), launcher, 2)
    assert not joined and by_mmengine == [((launcher,), options)]
    assert os.environ['LOCAL_RANK'] == '2'


def test_configs_bound_the_waiting():
    config = run_config.load_config('dsnas_supernet_1xb64_digits')
    assert config.env_cfg.dist_cfg.timeout == 1800


def test_one_process_joins_nothing(joined):
    config = Config(dict())
    processes.start_processes(config, Given())
    assert config.launcher == 'none' and not joined


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
@pytest.mark.parametrize(
    'launcher, program', [('pytorch', 'torchrun'), ('slurm', 'srun'), ('mpi', 'mpirun')]
)
def test_launcher_that_did_not_start_the_process(
    joined, monkeypatch, launcher, program, device
):
    monkeypatch.setattr(processes, 'get_device', lambda: device)
    missing = [*SETS[launcher], *([] if launcher == 'slurm' else ['MASTER_ADDR'])]
    for name in missing:
        started_by(launcher, MASTER_ADDR='first')
        del os.environ[name]
        told = 'MASTER_ADDR' if name == 'MASTER_ADDR' else f'{name}: .*{program}'
        with pytest.raises(ConfigError, match=f'^--launcher {launcher} .* {told}'):
            start(Config(dict()), launcher)
    assert not joined


@pytest.mark.parametrize(
    'script, address',
    [
        ('echo node1; echo node2', 'node1'),
        # None, one that fails, one that says nothing.
        (None, None),
        ('echo node1; exit 1', None),
        ('true', None),
    ],
)
def test_address_of_rank_0_in_a_slurm_job(joined, tmp_path, script, address):
    if script:
        asked = 'test "$*" = "show hostnames node[1-2]" || exit 1'
        (tmp_path / 'scontrol').write_text(f'#!/bin/sh\n{asked}\n{script}\n')
        (tmp_path / 'scontrol').chmod(0o755)
    started_by('slurm', SLURM_NODELIST='node[1-2]', PATH=str(tmp_path))
    if address:
        start(Config(dict()), 'slurm')
        assert joined == [('gloo', '3', '8', address, '29500')]
        return
    for _ in range(2):
        with pytest.raises(ConfigError, match='scontrol.* MASTER_ADDR'):
            start(Config(dict()), 'slurm')
        os.environ.pop('SLURM_NODELIST', None)
    assert not joined


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_scale_lr_knows_all_processes(joined, monkeypatch, device):
    """The group is there before the learning rate is scaled, on every device."""
    monkeypatch.setattr(processes, 'get_device', lambda: device)
    monkeypatch.setattr(processes, 'init_dist', lambda *a, **_: joined.append(a))
    monkeypatch.setattr(run_steps, 'get_world_size', lambda: 8 if joined else 1)
    started_by('pytorch', MASTER_ADDR='first')
    options = {'auto_scale_lr.enable': True}
    config = run_config.load_config('dsnas_supernet_1xb64_digits', options)
    start(config, 'pytorch')
    run_steps.scale_lr(config, Given())
    assert config.optim_wrapper.architecture.optimizer.lr == pytest.approx(0.8)
