"""Runs a function on several ranks: real processes, gloo, the CPU."""

import multiprocessing
import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable
from unittest import mock

import torch

# As in the configs of searches, for the CPU.
WRAPPER = dict(
    type='MMDistributedDataParallel',
    device_ids=None,
    find_unused_parameters=True,
    broadcast_buffers=False,
)
ROOT = Path(__file__).resolve().parents[1]
# Kills what hangs; nothing is expected to take a fraction of it.
TIMEOUT = 120
# What a test and its first step import.
PRELOAD = ['tests.ranks', 'tests.toy_run', 'mmdsnas.engine', 'torch._dynamo', 'pytest']


def on_ranks(num: int, folder: Path, function: Callable, *args: Any) -> list[Any]:
    """What a function returns on each of several ranks.

    The processes are forked from one that has imported everything and done
    nothing: the one that runs the tests has threads and autograd's state.

    Args:
        num (int): Number of ranks.
        folder (Path): A folder for what the processes exchange.
        function (Callable): A function of a module, called with ``args`` on
            every rank, inside a process group; it may return tensors and plain
            containers of them.
        *args: Its arguments.

    Returns:
        list: What it returned, rank by rank.

    Raises:
        AssertionError: It failed on a rank, or did not end.
    """
    folder = folder / f'ranks_{len(list(folder.iterdir()))}'
    folder.mkdir()
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOAD)
    env = dict(CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    processes = [
        context.Process(target=_rank, args=(rank, num, folder, function, args))
        for rank in range(num)
    ]
    with mock.patch.dict(os.environ, env):
        for process in processes:
            process.start()
    for process in processes:
        process.join(TIMEOUT)
    hanging = [rank for rank, process in enumerate(processes) if process.is_alive()]
    for rank in hanging:
        processes[rank].kill()
    errors = [path.read_text() for path in sorted(folder.glob('*.error'))]
    assert not errors and not hanging, '\n'.join([*errors, f'hanging: {hanging}'])
    codes = [process.exitcode for process in processes]
    assert codes == [0] * num, f'exit codes {codes}'
    return [
        torch.load(folder / f'{rank}.pth', weights_only=True) for rank in range(num)
    ]


def _rank(rank: int, num: int, folder: Path, function: Callable, args: tuple) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(num))
    torch.set_num_threads(1)
    try:
        torch.distributed.init_process_group(
            'gloo',
            init_method=f'file://{folder}/store',
            rank=rank,
            world_size=num,
            timeout=timedelta(seconds=TIMEOUT),
        )
        torch.save(function(*args), folder / f'{rank}.pth')
        torch.distributed.destroy_process_group()
    except BaseException:
        # A file, because pytest does not see what the process prints.
        (folder / f'{rank}.error').write_text(f'rank {rank}: {traceback.format_exc()}')
        sys.exit(1)
