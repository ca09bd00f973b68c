"""One step of the check, in a process of its own.

    python -m benchmarks.gpu_check.step MODULE:FUNCTION CONTEXT.json RESULT.json

Needs nothing but Python until the step's module is imported, so that what cannot be
imported is an error of the step.
"""

import importlib
import json
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

# Of a message; what is longer is in the log.
LONGEST = 300


class Noted(Exception):
    """What a step found is not what it should be, and is no failure of the check."""


@dataclass(frozen=True)
class Context:
    """What a step is told.

    Attributes:
        device (str): ``'cuda'``, or ``'cpu'`` of a dry run.
        small (bool): Whether small numbers are enough, as in a dry run.
        folder (str): A folder of the step's own, which is removed.
        out (str): Where results of all steps are.
    """

    device: str
    small: bool
    folder: str
    out: str


def named(function: str) -> Callable[[Context], dict[str, Any]]:
    """The function of a step.

    Args:
        function (str): ``MODULE:FUNCTION``.
    """
    module, _, name = function.partition(':')
    return getattr(importlib.import_module(module), name)


def sentence(error: BaseException) -> str:
    """An error on one line."""
    words = ' '.join(str(error).split()) or 'no message'
    return f'{type(error).__name__}: {words}'[:LONGEST]


def carry_out(function: str, context: Context) -> dict[str, Any]:
    """Carries out a step.

    Args:
        function (str): ``MODULE:FUNCTION``.
        context (Context): What it is told.

    Returns:
        dict: ``status``: ``'ok'``, ``'noted'`` or ``'failed'``; ``found``: a sentence;
        and what else the step returned.
    """
    try:
        return dict(status='ok', **named(function)(context))
    except Noted as noted:
        return dict(status='noted', found=str(noted))
    # SystemExit, too: how a command says what is wrong.
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return dict(status='failed', found=sentence(error))


def main() -> None:
    function, context, result = sys.argv[1:]
    told = Context(**json.loads(Path(context).read_text()))
    found = carry_out(function, told)
    Path(result).write_text(json.dumps(found))


if __name__ == '__main__':
    # Of this very module, whose Noted the steps raise.
    from benchmarks.gpu_check import step

    step.main()
