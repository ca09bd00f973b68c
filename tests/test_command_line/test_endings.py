"""The words for errors, of which as many as can be are made by what makes them."""

import errno
import os
import re
import signal
from unittest.mock import Mock

import pytest
import torch
from mmengine.config import Config
from torch.distributed import DistBackendError, DistNetworkError
from torch.utils.data import DataLoader, Dataset

from mmdsnas.command_line.endings import Terminated, ending_of
from mmdsnas.errors import DataError


class Failing(Dataset):
    def __init__(self, function):
        self.function = function

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.function()


def error_of(function, num_workers=0):
    batches = iter(DataLoader(Failing(function), num_workers=num_workers))
    try:
        next(batches)
    except Exception as error:
        # Without the frames, which would keep the workers.
        for part in (error, error.__context__):
            if part:
                part.__traceback__ = None
        return error


def kill(number):
    return lambda: os.kill(os.getpid(), number)


def fill_disk():
    with open('/dev/full', 'w') as file:
        file.write('x')


def no_data():
    raise DataError('The image "x" is gone: put it there.')


WORKER = r'^a data worker is lost .*'
FULL = 'a file cannot be written, the disk may be full'


@pytest.mark.parametrize('num_workers', [0, 1])
@pytest.mark.parametrize(
    'function, words',
    [
        (kill(signal.SIGKILL), rf'{WORKER}pid \d+\) is killed by signal: Killed'),
        (kill(signal.SIGBUS), rf'{WORKER}pid \d+\) is killed by signal: Bus error'),
        (lambda: os._exit(3), rf'{WORKER}exited unexpectedly with exit code 3'),
        (fill_disk, rf'{FULL} \(.*No space left on device\)\.$'),
        (lambda: torch.save(torch.ones(100_000), '/dev/full'), FULL),
        (lambda: torch.empty(1 << 50), r"out of memory \(.*DefaultCPUAllocator: can't"),
        (lambda: bytearray(1 << 60), r'out of memory \(.*MemoryError.*\): lower batch'),
    ],
)
def test_workers_memory_and_disk(function, words, num_workers):
    # Else it would end this process.
    num_workers = max(num_workers, words.startswith(WORKER))
    ending = ending_of(error_of(function, num_workers))
    assert re.match(words, ending.sentence) and '\n' not in ending.sentence
    assert (ending.code, ending.resumable) == (1, True)


GLOO = (
    '[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:537] Read error [::1]:7: '
    'Connection reset by peer. This is typically caused by a remote worker.'
)
NCCL = (
    'NCCL error in: /nccl/NCCLUtils.hpp:1, remote process exited or there was '
    'a network error, NCCL version 2.27\nncclRemoteError: A call failed'
)


@pytest.mark.parametrize(
    'error, words',
    [
        (torch.OutOfMemoryError('CUDA: too much.'), 'out of memory (CUDA: too much): '),
        (RuntimeError('unable to write to file </torch_1>: No space'), 'the shared '),
        (RuntimeError('unable to allocate shared memory(shm) for'), 'the shared '),
        # In another language.
        (OSError(errno.ENOSPC, 'voll'), FULL),
        (OSError(errno.EDQUOT, 'voll'), FULL),
        (RuntimeError(GLOO), 'another rank ended'),
        (RuntimeError('Application timeout caused pair closure'), 'another rank ended'),
        (DistBackendError(NCCL), 'another rank ended'),
        (DistNetworkError('The client socket has timed out'), 'another rank ended'),
    ],
)
def test_words_of_what_the_machine_does(error, words):
    sentence, *rest = ending_of(error)
    assert sentence.startswith(words) and rest == [1, True]
    assert str(error).splitlines()[0].rstrip('.') in sentence


@pytest.mark.parametrize('kind, code', [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_signals(kind, code):
    sentence, *rest = ending_of(kind())
    assert sentence.startswith('stopped by ') and rest == [code, True]


def test_users_error_in_a_data_worker():
    words = 'The image "x" is gone: put it there.'
    for num_workers in (0, 1):
        assert ending_of(error_of(no_data, num_workers)) == (words, 1, False)


@pytest.mark.parametrize(
    'error',
    [
        ValueError('x'),
        TypeError("f() got an unexpected keyword argument 'a'"),
        RuntimeError('mat1 and mat2 shapes cannot be multiplied'),
        DistBackendError('NCCL error in: x, invalid usage\nDuplicate GPU detected'),
        FileNotFoundError(errno.ENOENT, 'x'),
        StopIteration(),
    ],
)
def test_errors_without_words(error):
    assert ending_of(error) is None


@pytest.mark.parametrize('kind, code', [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_signal_that_mmengine_made_an_error_of(kind, code):
    """Its layout of a config's text catches whatever comes."""
    config = Config(dict(a=1))
    with pytest.MonkeyPatch.context() as patch:
        # Where mmengine has it, and where its successor looks it up.
        for place in ('mmengine.config.config', 'yapf.yapflib.yapf_api'):
            patch.setattr(f'{place}.FormatCode', Mock(side_effect=kind), raising=False)
        with pytest.raises(SyntaxError) as caught:
            config.pretty_text  # noqa: B018
    assert ending_of(caught.value).code == code
