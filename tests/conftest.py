import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from mmengine.registry import DefaultScope

import mmdsnas  # noqa: F401  (makes mmrazor importable)

ROOT = Path(__file__).resolve().parents[1]

# The same examples in every run; `make fuzz` asks for other ones and for more.
settings.register_profile(
    'short', max_examples=60, deadline=None, derandomize=True, database=None
)
settings.register_profile(
    'fuzz', max_examples=300, deadline=None, database=None, print_blob=True
)
settings.load_profile('short')


@pytest.fixture(autouse=True)
def default_scope_of_its_own():
    """What a test sets as the default scope of the registries ends with it."""
    kept = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict = kept


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
