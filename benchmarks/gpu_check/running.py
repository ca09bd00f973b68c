"""Runs steps one after another, each within its time.

Needs nothing but Python: what cannot be imported fails in a step.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Sequence

from .step import LONGEST, Context
from .steps import Step

ROOT = Path(__file__).resolve().parents[2]
# Less than this is left for no step.
LEAST = 5.0
VARIABLES = dict(
    PYTHONPATH=str(ROOT),
    # mmengine looks for a GPU while it is imported; CUDA's own look would leave
    # processes that are forked later without one.
    PYTORCH_NVML_BASED_CUDA_CHECK='1',
    # torch's deterministic algorithms ask for it.
    CUBLAS_WORKSPACE_CONFIG=':4096:8',
)


def run_steps(
    steps: Sequence[Step], out: Path, device: str, small: bool, seconds: float
) -> dict[str, Any]:
    """Runs steps, and writes ``gpu_check.json`` after each of them.

    Args:
        steps (Sequence[Step]): The steps.
        out (Path): Folder of the results.
        device (str): ``'cuda'`` or ``'cpu'``.
        small (bool): Whether small numbers are enough.
        seconds (float): For all of them together.

    Returns:
        dict: By name ``title``, ``status``, ``seconds``, ``found``, and what else the
        step returned.
    """
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    end = time.monotonic() + seconds
    for step in steps:
        left = min(step.seconds, end - time.monotonic())
        began = time.monotonic()
        if left < LEAST:
            result = dict(status='failed', found='Not started: the time was used up.')
        else:
            print(f'{step.name} ...', flush=True)
            result = run_step(step, out, device, small, left)
        if step.optional and result['status'] == 'failed':
            result['status'] = 'noted'
        took = round(time.monotonic() - began, 1)
        results[step.name] = dict(title=step.title, seconds=took, **result)
        print(f'{step.name}: {result["status"]}, {took} s, {result["found"]}')
        write(out / 'gpu_check.json', dict(device=device, small=small, steps=results))
    return results


def write(path: Path, content: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content, indent=1) + '\n')
    temporary.replace(path)


def run_step(
    step: Step, out: Path, device: str, small: bool, seconds: float
) -> dict[str, Any]:
    """Runs a step in a process of its own; see ``carry_out`` for what is returned."""
    with TemporaryDirectory(prefix='gpu-check-') as folder:
        own, result = Path(folder), Path(folder) / 'result.json'
        (own / 'work').mkdir()
        told = Context(device, small, str(own / 'work'), str(out.resolve()))
        (own / 'context.json').write_text(json.dumps(asdict(told)))
        command = [sys.executable, '-W', 'ignore', '-m', 'benchmarks.gpu_check.step']
        command += [step.function, str(own / 'context.json'), str(result)]
        # Threads that wait for a busy core make small networks several times slower.
        variables = {'OMP_NUM_THREADS': '1', **os.environ, **VARIABLES}
        if device == 'cpu':
            # mmengine takes a GPU where it sees one.
            variables['CUDA_VISIBLE_DEVICES'] = ''
        with (own / 'log').open('w') as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                end_session(process.pid)
                process.wait()
        last = last_lines(own / 'log')
        if code == 0 and result.exists():
            found = json.loads(result.read_text())
            if found['status'] == 'failed':
                found['log'] = last
            return found
        how = (
            f'within {seconds:.0f} s' if code is None else f'but with exit code {code}'
        )
        said = last[-1:] or ['nothing']
        return dict(
            status='failed',
            found=f'It did not end {how}; its last words: {said[0]}'[:LONGEST],
            log=last,
        )


def end_session(session: int) -> None:
    """Kills what is left of a step: its process and all that they started.

    Args:
        session (int): The number of its first process.
    """
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)
    # Processes of a step may have made groups of their own.
    for process in Path('/proc').glob('[0-9]*'):
        with suppress(OSError):
            if os.getsid(int(process.name)) == session:
                os.kill(int(process.name), signal.SIGKILL)


def last_lines(log: Path, number: int = 15) -> list[str]:
    """The end of what a step printed."""
    lines = [line.rstrip() for line in log.read_text(errors='replace').splitlines()]
    return [line for line in lines if line][-number:]
