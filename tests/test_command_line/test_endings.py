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


def save_on_full_disk():
    torch.save(torch.ones(100_000), '/dev/full')


def too_much():
    torch.empty(1 << 50)


def far_too_much():
    bytearray(1 << 60)


def no_data():
    raise DataError('The image "x" is gone: put it there.')


@pytest.mark.parametrize(
    'function, words',
    [
        (kill(signal.SIGKILL), r'pid \d+\) is killed by signal: Killed'),
        (kill(signal.SIGBUS), r'pid \d+\) is killed by signal: Bus error'),
        (
            lambda: os._exit(3),
            'exited unexpectedly with exit code 3',
        ),
    ],
)
def test_data_worker_that_dies(function, words):
    ending = ending_of(error_of(function, num_workers=1))
    assert re.search(words, ending.sentence)
    assert 'shared memory (/dev/shm)' in ending.sentence
    assert (ending.code, ending.resumable) == (1, True)


@pytest.mark.parametrize('num_workers', [0, 1])
@pytest.mark.parametrize(
    'function, words',
    [
        (fill_disk, r'a file cannot be written, .* \(.*No space left on device\)\.$'),
        (save_on_full_disk, 'a file cannot be written, the disk may be full'),
        (
            too_much,
            r"out of memory \(.*DefaultCPUAllocator: can't .*\): lower batch_size",
        ),
        (far_too_much, r'out of memory \(.*MemoryError.*\): lower batch_size'),
    ],
)
def test_memory_and_disk(function, words, num_workers):
    ending = ending_of(error_of(function, num_workers))
    assert re.match(words, ending.sentence)
    assert '\n' not in ending.sentence
    assert (ending.code, ending.resumable) == (1, True)


def test_memory_of_a_gpu():
    error = torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 MiB.')
    assert ending_of(error).sentence.startswith(
        'out of memory (CUDA out of memory. Tried to allocate 20.00 MiB): lower '
    )


@pytest.mark.parametrize(
    'message',
    [
        'unable to write to file </torch_12_34_5>: No space left on device (28)',
        'unable to allocate shared memory(shm) for file </torch_1_2_3>: Resource',
    ],
)
def test_full_shared_memory(message):
    assert ending_of(RuntimeError(message)).sentence.startswith(
        f'the shared memory of the data workers (/dev/shm) is full ({message}'
    )


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_in_another_language(number):
    assert ending_of(OSError(number, 'voll')).sentence.startswith('a file cannot be ')


@pytest.mark.parametrize('kind, code', [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_signals(kind, code):
    sentence, *rest = ending_of(kind())
    assert sentence.startswith('stopped by ') and rest == [code, True]


GLOO = (
    '[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:537] Read error [::1]:7: '
    'Connection reset by peer. This is typically caused by a remote worker.',
    'Application timeout caused pair closure',
)


@pytest.mark.parametrize('message', GLOO)
def test_lost_rank_on_gloo(message):
    sentence, *rest = ending_of(RuntimeError(message))
    assert sentence.startswith('another rank ended') and message.rstrip('.') in sentence
    assert 'env_cfg.dist_cfg.timeout' in sentence and rest == [1, True]


def test_lost_rank_on_nccl_and_at_the_start():
    for error in (
        DistBackendError(
            'NCCL error in: /nccl/NCCLUtils.hpp:1, remote process exited or there was '
            'a network error, NCCL version 2.27\nncclRemoteError: A call failed'
        ),
        DistNetworkError('The client socket has timed out after 1800000ms'),
    ):
        assert ending_of(error).sentence.startswith('another rank ended, ')


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
        patch.setattr('mmengine.config.config.FormatCode', Mock(side_effect=kind))
        with pytest.raises(SyntaxError) as caught:
            config.pretty_text  # noqa: B018
    assert ending_of(caught.value).code == code
