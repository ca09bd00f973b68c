"""The words and the exit code for what ends a command."""

import errno
import re
import signal
from typing import NamedTuple, Optional

import torch
from mmengine.dist import is_distributed
from torch.distributed import DistError

from mmdsnas.errors import UserError

UNKNOWN_OPTION = r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'"
WORKER = (
    r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) '
    r'(?:is (killed by signal: [\w ]+\w)|exited unexpectedly(?: with exit code \d+)?)'
)
SHARED_MEMORY = r'unable to \w+ .*(?:shared memory|file </torch_)'
CPU_MEMORY = r"DefaultCPUAllocator: can't allocate memory"
GLOO = r'/gloo/|Application timeout caused pair closure'
NCCL = r'ncclRemoteError|remote process exited|connection|timed? ?out|was aborted'
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
# As they are found in the words of an error of a data worker, and of torch.save.
NOT_WRITTEN = r'No space left|Disk quota exceeded|StreamWriter failed|unexpected pos \d'


class Terminated(BaseException):
    """SIGTERM came; no ``except Exception`` on the way holds it up."""


class Ending(NamedTuple):
    """What ended a command.

    Attributes:
        sentence (str): For the user.
        code (int): Exit code of the process.
        resumable (bool): Whether the same command can go on with its last
            checkpoint, without a change.
    """

    sentence: str
    code: int = 1
    resumable: bool = False


def ending_of(error: BaseException) -> Optional[Ending]:
    """Finds the words for an error.

    Args:
        error (BaseException): What left the command.

    Returns:
        Ending, optional: None for an error that only its traceback explains.
    """
    error = _signal_behind(error) or error
    if isinstance(error, UserError):
        return Ending(_without_traceback(error))
    if isinstance(error, KeyboardInterrupt):
        return Ending('stopped by Ctrl-C (SIGINT).', 128 + signal.SIGINT, True)
    if isinstance(error, Terminated):
        sentence = 'stopped by SIGTERM, as a scheduler sends it'
        if is_distributed():
            sentence += ', or the launcher because another rank ended'
        return Ending(f'{sentence}.', 128 + signal.SIGTERM, True)
    if isinstance(error, TypeError):
        # What Python says of an argument that a class does not have.
        unknown = re.match(UNKNOWN_OPTION, str(error))
        return unknown and Ending(
            f'the config gives {unknown[1]} an option {unknown[2]!r}, '
            'which it does not have.'
        )
    sentence = _of_the_machine(error, str(error), _reason(error))
    return sentence and Ending(sentence, resumable=True)


def _signal_behind(error: Optional[BaseException]) -> Optional[BaseException]:
    """The signal that an error was made of: mmengine has an except for everything."""
    while error is not None and not isinstance(error, (KeyboardInterrupt, Terminated)):
        error = error.__cause__ or error.__context__
    return error


def _of_the_machine(error: BaseException, text: str, reason: str) -> Optional[str]:
    """What a process, the memory or the disk did."""
    # The signal is named in the cause where torch tells of all workers.
    worker = re.match(WORKER, str(error.__cause__)) or re.match(WORKER, text)
    if isinstance(error, RuntimeError) and worker:
        end = f'was {worker[2]}' if worker[2] else worker[0].partition(') ')[2]
        return (
            f'the data worker with pid {worker[1]} {end}; if the machine ran out of '
            'memory or of shared memory (/dev/shm), lower num_workers or batch_size '
            'of the data loader.'
        )
    if isinstance(error, RuntimeError) and re.search(SHARED_MEMORY, text):
        return (
            f'the shared memory of the data workers (/dev/shm) is full ({reason}): '
            'enlarge it, or lower num_workers or batch_size of the data loader.'
        )
    lost = isinstance(error, DistError) and re.search(NCCL, text, re.IGNORECASE)
    if lost or (is_distributed() and re.search(GLOO, text)):
        # Without the place in the source, and what gloo advises.
        reason = re.sub(r'^\[[^]]*\] ', '', reason).partition('. ')[0]
        return (
            'another rank ended, or did not answer within env_cfg.dist_cfg.timeout '
            f'({reason}); its own message, or that of the launcher, tells why.'
        )
    if (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or isinstance(error, RuntimeError)
        and re.search(CPU_MEMORY, text)
    ):
        return (
            f'out of memory ({reason}): lower batch_size of the data loader; '
            'accumulative_counts of the optimizers keeps the batch of a step as it is.'
        )
    if getattr(error, 'errno', None) in FULL_DISK or (
        isinstance(error, (OSError, RuntimeError)) and re.search(NOT_WRITTEN, text)
    ):
        return f'a file cannot be written, the disk may be full ({reason}).'
    return None


def _reason(error: BaseException) -> str:
    """One line of an error, the last of a data worker's, which is a traceback."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1 if lines[0].startswith('Caught ') else 0].strip().rstrip('.')


def _without_traceback(error: UserError) -> str:
    """The error's own words, without the traceback of a data worker.

    PyTorch raises an error of a worker again with the whole of its traceback,
    which ends in the type and the words of the error, for a message.
    """
    name = f'{type(error).__module__}.{type(error).__qualname__}: '
    return str(error).rpartition(name)[2].strip()
