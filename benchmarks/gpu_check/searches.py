"""Short searches of the digits on the device."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .step import Context

CONFIG = 'dsnas_supernet_1xb64_digits'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Seconds after which ranks that wait for each other are given up.
HANGING = 60


def options(small: bool, epochs: int) -> dict[str, Any]:
    """Options of a short search with all stages.

    Args:
        small (bool): Whether a few images are enough.
        epochs (int): How many.
    """
    found: dict[str, Any] = {
        'train_cfg.max_epochs': epochs,
        'model.pretrain_epochs': 1,
        'model.finetune_epochs': epochs - 1,
        'default_hooks.logger.interval': 5,
        'randomness.seed': 0,
    }
    if small:
        found.update({f'{loader}.batch_size': 2 for loader in LOADERS})
        found.update({f'{loader}.dataset.indices': 6 for loader in LOADERS})
    return found


def search(context: Context, name: str, epochs: int, **more: Any) -> tuple[Any, float]:
    """Runs a search of the digits.

    Args:
        context (Context): Says where and how large.
        name (str): Of its work directory.
        epochs (int): How many.
        **more (Any): Arguments of ``mmdsnas.train``.

    Returns:
        tuple: Runner at its end, and the seconds that it took.

    Raises:
        AssertionError: It ran elsewhere than on the context's device.
    """
    import mmdsnas

    given = {**options(context.small, epochs), **more.pop('options', {})}
    began = time.perf_counter()
    work_dir = Path(context.folder) / name
    runner = mmdsnas.train(CONFIG, work_dir, options=given, **more)
    took = time.perf_counter() - began
    on = next(runner.model.parameters()).device.type
    assert on == context.device, f'the search ran on {on}'
    return runner, took


def child_of(runner: Any) -> dict[str, str]:
    """The child of a search that has ended, by its group."""
    from mmdsnas.engine.hooks.utils import algorithm_of

    return dict(algorithm_of(runner).mutator.derive_child())


def amp(context: Context) -> dict[str, Any]:
    """``mmdsnas train ... --amp`` ends with a child, on the device.

    Raises:
        AssertionError: It does not.
    """
    runner, took = search(context, 'amp', 3 if context.small else 6, amp=True)
    file = Path(runner.work_dir) / 'subnet.pth'
    assert file.is_file(), 'the search left no subnet.pth'
    child = child_of(runner)
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    scale = f', last loss scale {scaler.get_scale():g}' if scaler else ''
    found = f'a child of {len(child)} blocks after {runner.iter} iterations{scale}'
    return dict(found=found, child=child, search_seconds=took)


def compiled(context: Context) -> dict[str, Any]:
    """The same with ``compile=True``: a few iterations of each stage.

    A dry run has one iteration and dynamo alone: compiling for a CPU takes minutes.
    """
    value: Any = {'backend': 'eager'} if context.small else True
    few: dict[str, Any] = {'compile': value}
    # Each path is another network to compile.
    few['train_dataloader.dataset.indices'] = 2 if context.small else 4 * 64
    if context.small:
        # The search stage alone.
        few.update({'model.pretrain_epochs': 0, 'model.finetune_epochs': 1})
    epochs = 1 if context.small else 3
    runner, took = search(context, 'compiled', epochs, amp=True, options=few)
    child = child_of(runner)
    found = f'a child after {runner.iter} iterations in {took:.0f} s'
    return dict(found=found, child=child, compiled_with=value, search_seconds=took)


def ranks(context: Context) -> dict[str, Any]:
    """Two ranks on the device end with the same child.

    Raises:
        AssertionError: Their children differ.
        RuntimeError: They do not come to an end by any exchange.
    """
    errors: list[str] = []
    for backend in ('gloo',) if context.device == 'cpu' else ('nccl', 'gloo'):
        folder = Path(context.folder) / backend
        folder.mkdir()
        if error := run_ranks(context, backend, folder):
            errors.append(f'{backend}: {error}')
            continue
        files = sorted(folder.glob('child-*.json'))
        first, second = (json.loads(file.read_text()) for file in files)
        assert first == second, f'the ranks end with {first} and {second}'
        before = f' ({"; ".join(errors)})' if errors else ''
        found = f'both end with one child, by {backend}{before}'
        return dict(found=found, child=first, backend=backend, errors=errors)
    raise RuntimeError(f'two ranks cannot share this device: {"; ".join(errors)}')


def run_ranks(context: Context, backend: str, folder: Path) -> str:
    """Runs a search on two ranks; each leaves ``child-RANK.json``.

    Args:
        context (Context): Says where and how large.
        backend (str): ``'nccl'`` or ``'gloo'``.
        folder (Path): Of its own.

    Returns:
        str: What went wrong; nothing if it is empty.
    """
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        port = taken.getsockname()[1]
    command = [sys.executable, '-W', 'ignore', '-m', 'benchmarks.gpu_check.rank']
    command += [backend, context.device, str(folder)]
    command += ['--small'] if context.small else []
    # Both see the first device as theirs.
    common = dict(WORLD_SIZE='2', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1')
    common['MASTER_PORT'] = str(port)
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **common, 'RANK': str(rank)},
            stdout=(folder / f'log-{rank}').open('w'),
            stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]
    end = time.monotonic() + HANGING
    while any(process.poll() is None for process in processes):
        # The other one would wait for a rank that has failed.
        if time.monotonic() > end or any(process.poll() for process in processes):
            break
        time.sleep(0.1)
    failed = [rank for rank, process in enumerate(processes) if process.poll()]
    hanging = [process for process in processes if process.poll() is None]
    for process in hanging:
        process.kill()
        process.wait()
    if not failed:
        return f'no end within {HANGING} s' if hanging else ''
    log = (folder / f'log-{failed[0]}').read_text(errors='replace')
    last = ' '.join(log.strip().splitlines()[-1:])[:300]
    return f'exit code {processes[failed[0]].returncode}, {last or "without a word"}'
