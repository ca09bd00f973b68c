"""Starts the processes of a distributed run."""

import ctypes
import os
import signal
import subprocess
import sys
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import init_dist, is_distributed

from mmdsnas.errors import ConfigError
from .given_options import Given

# What starts the processes, and where it tells them their rank and number.
LAUNCHERS = {
    'pytorch': ('torchrun', 'RANK', 'WORLD_SIZE'),
    'slurm': ('srun', 'SLURM_PROCID', 'SLURM_NTASKS'),
    'mpi': ("Open MPI's mpirun", 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
}


def start_processes(config: Config, given: Given) -> Config:
    """Joins the processes of a distributed run, before anything asks for them.

    On a GPU mmengine does it. Its start asks for a CUDA device with every
    launcher, so on the CPU the group is made here, with gloo.

    ``env_cfg.dist_cfg.timeout`` of the config is how many seconds a process waits for
    the others before it gives up.
    """
    launcher = config.setdefault('launcher', 'none')
    os.environ.setdefault('LOCAL_RANK', str(given.local_rank))
    if launcher == 'none' or is_distributed():
        return config
    program, *variables = LAUNCHERS[launcher]
    for name in variables:
        if name not in os.environ:
            raise ConfigError(
                f'--launcher {launcher} needs the environment variable {name}: '
                f'start the processes by {program}, which sets it.'
            )
    if launcher != 'slurm' and 'MASTER_ADDR' not in os.environ:
        raise ConfigError(
            f'--launcher {launcher} needs the environment variable MASTER_ADDR: '
            'give the address of the machine of rank 0, 127.0.0.1 for one machine.'
        )
    options = config.get('env_cfg', {}).get('dist_cfg', {})
    _end_with_torchrun()
    if get_device() != 'cpu':
        init_dist(launcher, **options)
        return config
    os.environ['RANK'], os.environ['WORLD_SIZE'] = map(os.environ.get, variables)
    os.environ.setdefault('MASTER_PORT', '29500')
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_slurm_node()
    seconds = options.get('timeout')
    timeout = {'timeout': timedelta(seconds=seconds)} if seconds else {}
    torch.distributed.init_process_group('gloo', **timeout)
    return config


def _end_with_torchrun() -> None:
    """Lets the kernel end a rank whose torchrun was killed.

    It would run on, and write where the next start of the job does.
    """
    if 'TORCHELASTIC_RUN_ID' in os.environ and sys.platform == 'linux':
        set_signal_of_parents_death = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_signal_of_parents_death, signal.SIGTERM)


def _first_slurm_node() -> str:
    try:
        command = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        return told.stdout.split()[0]
    except (LookupError, OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(
            'The first machine of the Slurm job cannot be found by scontrol and '
            'SLURM_NODELIST: set the environment variable MASTER_ADDR to its address.'
        ) from error
