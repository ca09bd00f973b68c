"""The words and the exit code for what ends a command."""

import errno
import re
import signal
from typing import NamedTuple, Optional

import torch
from torch.distributed import DistError

from mmdsnas.errors import UserError

MEMORY = (
    'out of memory ({}): lower batch_size of the data loader; accumulative_counts of '
    'the optimizers keeps the batch of a step as it is.'
)
RANK = (
    'another rank ended, or did not answer within env_cfg.dist_cfg.timeout ({}); its '
    'own message, or that of the launcher, tells why.'
)
# What the machine does to a run: the kind of error, what is in its words where the
# kind says too little, and the sentence.
MACHINE = (
    (
        RuntimeError,
        r'DataLoader worker \(pid.*(killed by|exited unexpectedly).*',
        'a data worker is lost ({}); if the machine ran out of memory or of shared '
        'memory (/dev/shm), lower num_workers or batch_size of the data loader.',
    ),
    (
        RuntimeError,
        'unable to .*(shared memory|file </torch_)',
        'the shared memory of the data workers (/dev/shm) is full ({}): enlarge it, or '
        'lower num_workers or batch_size of the data loader.',
    ),
    (RuntimeError, '/gloo/|Application timeout caused pair closure', RANK),
    (DistError, '(?i)remote ?(process|error)|connection|timed? ?out|was aborted', RANK),
    ((MemoryError, torch.OutOfMemoryError), '', MEMORY),
    (RuntimeError, "DefaultCPUAllocator: can't allocate memory", MEMORY),
    (
        # The last two are what torch.save says.
        (OSError, RuntimeError),
        rf'Errno ({errno.ENOSPC}|{errno.EDQUOT})|No space|StreamWriter|unexpected pos',
        'a file cannot be written, the disk may be full ({}).',
    ),
)


class Terminated(BaseException):
    """SIGTERM came; no ``except Exception`` on the way holds it up."""


SIGNALS = {
    KeyboardInterrupt: ('stopped by Ctrl-C (SIGINT).', 128 + signal.SIGINT),
    Terminated: (
        'stopped by SIGTERM, as a scheduler sends it, or a launcher of which another '
        'rank ended.',
        128 + signal.SIGTERM,
    ),
}


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
    behind: Optional[BaseException] = error
    while behind is not None:
        # mmengine has an except for everything, also for signals.
        if type(behind) in SIGNALS:
            return Ending(*SIGNALS[type(behind)], resumable=True)
        behind = behind.__cause__ or behind.__context__
    if isinstance(error, UserError):
        # That of a data worker is raised again with its traceback before its words.
        name = f'{type(error).__module__}.{type(error).__qualname__}: '
        return Ending(str(error).rpartition(name)[2].strip())
    # The signal is named in the cause where torch tells of all workers.
    lines = f'{error.__cause__ or ""}\n{error}'.strip().splitlines()
    for kinds, pattern, sentence in MACHINE:
        for line in lines or [type(error).__name__]:
            if isinstance(error, kinds) and re.search(pattern, line):
                return Ending(sentence.format(line.strip().rstrip('.')), resumable=True)
    return None
