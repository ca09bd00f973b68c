"""Steps that go right and wrong, for the check of a GPU."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.gpu_check.step import Noted


def right(context):
    return dict(found=f'{context.device} | {context.small}')


def wrong(context):
    raise ValueError('the first line\nand the second')


def noted(context):
    raise Noted('not as it should be')


def crashes(context):
    print('last words', flush=True)
    os.abort()


def hangs(context):
    """Starts a process in a group of its own, and waits."""
    code = 'import os, time; os.setpgid(0, 0); time.sleep(600)'
    process = subprocess.Popen([sys.executable, '-c', code])
    Path(context.out, 'process').write_text(str(process.pid))
    time.sleep(600)


def in_test(name, seconds=60, **kwargs):
    """A step of this module."""
    from benchmarks.gpu_check.steps import Step

    return Step(name, f'it is {name}', f'{__name__}:{name}', seconds, **kwargs)
