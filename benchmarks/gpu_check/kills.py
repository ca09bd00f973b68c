"""A search on the device that is killed, and goes on."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .step import Context, Noted


def resume(context: Context) -> dict[str, Any]:
    """Kills and resumes searches, and compares them bit by bit.

    With torch's deterministic algorithms, or without where one of the search's is
    missing.

    Raises:
        Noted: They end otherwise than those without a kill.
        RuntimeError: There is no such device.
    """
    # In another process, as those that are forked later could not use it; without a
    # GPU they would run on the CPU.
    code = f'import torch; torch.zeros(1, device={context.device!r})'
    if subprocess.run([sys.executable, '-c', code], capture_output=True).returncode:
        raise RuntimeError(f'torch cannot use a device {context.device}.')
    problems = matrix(context, deterministic=True)
    how = 'with deterministic algorithms'
    if any('deterministic' in problem for problem in problems):
        how = f'without deterministic algorithms ({problems[0]})'
        problems = matrix(context, deterministic=False)
    if problems:
        raise Noted(f'Not bit for bit, {how}: {"; ".join(problems)}'[:600])
    return dict(found=f'bit for bit like the search without a kill, {how}')


def matrix(context: Context, deterministic: bool) -> list[str]:
    """What differs in cells of ``tests/resume``.

    Args:
        context (Context): Says where, and whether one cell is enough.
        deterministic (bool): Whether torch takes deterministic algorithms alone.
    """
    from tests.resume.matrix import Cell, run_cell, run_reference
    from tests.resume.processes import load_tool, side_by_side
    from tests.resume.search import Setting

    @dataclass(frozen=True)
    class Deterministic(Setting):
        @property
        def arguments(self) -> list:
            more = ['--cfg-options', 'randomness.deterministic=True']
            return [*super().arguments, *(more if deterministic else [])]

    tool, problems = load_tool(), []
    folder = Path(context.folder) / f'deterministic-{deterministic}'
    for amp in (False,) if context.small else (False, True):
        setting = Deterministic(1, amp, 0)
        reference = folder / f'reference-{setting}'
        [(_, done)] = side_by_side([(1, run_reference(tool, setting, reference))])
        if not done.problems:
            cell = Cell('fixed', setting)
            task = run_cell(tool, cell, folder / str(cell), reference)
            [(_, done)] = side_by_side([(1, task)])
        problems += [f'{setting}: {problem}' for problem in done.problems]
    return problems
