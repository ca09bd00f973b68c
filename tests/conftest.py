import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from mmengine.registry import DefaultScope

import mmdsnas  # noqa: F401  (makes mmrazor importable)

ROOT = Path(__file__).resolve().parents[1]

# Without an explanation of failures, which traces every line.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
# The same examples in every run; `make fuzz` asks for other ones and for more.
common = dict(deadline=None, database=None, phases=PHASES)
settings.register_profile('short', max_examples=40, derandomize=True, **common)
settings.register_profile('fuzz', max_examples=300, print_blob=True, **common)
settings.load_profile('short')


# A shell that starts the tests in the background has them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
SCOPES = DefaultScope._instance_dict.copy()


@pytest.fixture(autouse=True)
def default_scope_of_its_own():
    """What a test, or a fixture of it, sets as the default scope ends with it."""
    yield
    DefaultScope._instance_dict = SCOPES.copy()


@pytest.fixture
def run_python():
    """Runs code in a fresh interpreter, which has imported nothing yet.

    Returns:
        Callable: Takes the code, folders to search for modules before the
        checkout, and the working directory. It returns what the code printed
        and fails if the code does.
    """

    def run(code: str, *first, cwd=None) -> str:
        path = os.pathsep.join(map(str, (*first, ROOT)))
        done = subprocess.run(
            [sys.executable, '-c', code],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**os.environ, 'PYTHONPATH': path},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
