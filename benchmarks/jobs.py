"""Many short trainings side by side, each with a result file of its own."""

import argparse
import hashlib
import inspect
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import timedelta
from multiprocessing import connection
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping

import torch

from mmdsnas.utils.files import write_atomically
from .output import write_json

Result = dict[str, Any]
Job = tuple[Callable[..., Result], tuple]


def parser(description: str, folder: str) -> argparse.ArgumentParser:
    """Arguments of every command that runs jobs.

    Args:
        description (str): What the command does.
        folder (str): Where its jobs leave their results by default.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        '--folder',
        type=Path,
        default=Path('work_dirs') / folder,
        help='one file per finished job; a command goes on with what is missing here '
        '(%(default)s)',
    )
    made.add_argument('--workers', type=int, default=2, help='processes (%(default)s)')
    return made


def run_jobs(jobs: Mapping[str, Job], folder: Path, workers: int) -> dict[str, Result]:
    """Runs what has no result yet, each on one thread.

    Args:
        jobs (Mapping[str, Job]): A function of a module and its arguments, by name.
        folder (Path): Gets ``NAME.json`` of each when it is done. Jobs whose file is
            there are not run: an interrupted call goes on.
        workers (int): Processes.

    Returns:
        dict[str, dict]: Results by name, in the order of ``jobs``.

    Raises:
        Exception: What a job raised; results so far are kept.
        SystemExit: The folder has results of other configs.
    """
    files = {name: folder / f'{name}.json' for name in jobs}
    missing = [name for name in jobs if not files[name].exists()]
    if missing:
        _check_recipe(folder, jobs.values())
        # So that the processes are ended with this one.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
        print(f'{len(jobs) - len(missing)} of {len(jobs)} jobs are done.', flush=True)
        pool = ProcessPoolExecutor(
            workers, multiprocessing.get_context('spawn'), initializer=_one_thread
        )
        try:
            _wait(pool, {name: (jobs[name], files[name]) for name in missing})
        except BaseException:
            for process in list(pool._processes.values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return {name: json.loads(file.read_text()) for name, file in files.items()}


def _check_recipe(folder: Path, jobs: Iterable[Job]) -> None:
    """Refuses to put results beside those of other configs."""
    digest = hashlib.sha256()
    # Of the benchmarks whose jobs they are.
    for here in sorted({Path(inspect.getfile(job[0])).parent for job in jobs}):
        for source in [here / 'space.py', *sorted((here / 'configs').rglob('*.py'))]:
            digest.update(source.read_bytes() if source.exists() else b'')
    file = folder / 'recipe.txt'
    if not file.exists():
        with write_atomically(file) as temporary:
            temporary.write_text(digest.hexdigest())
    elif file.read_text() != digest.hexdigest():
        sys.exit(
            f'error: --folder must have results of the configs as they are now, but '
            f'{folder} has some of others: remove it, or name another one.'
        )


def _wait(pool: ProcessPoolExecutor, tasks: dict[str, tuple[Job, Path]]) -> None:
    began = time.monotonic()
    futures = {pool.submit(_run, *task): name for name, task in tasks.items()}
    for done, future in enumerate(as_completed(futures), 1):
        seconds = future.result()
        elapsed = time.monotonic() - began
        left = timedelta(seconds=round(elapsed / done * (len(tasks) - done)))
        print(
            f'{done}/{len(tasks)}  {left} left  {futures[future]}  {seconds:.0f} s',
            flush=True,
        )


def _one_thread() -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would go on, and never end."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _run(job: Job, file: Path) -> float:
    function, arguments = job
    began = time.monotonic()
    write_json(file, function(*arguments))
    return time.monotonic() - began
