from pathlib import Path

import pytest

from tests import tools
from tests.tools import ROOT  # noqa: F401

DIGITS = 'dsnas_supernet_1xb64_digits'
# Three epochs, one of each stage, on 128 of the digits.
SHORT = (
    'train_cfg.max_epochs=3',
    'model.pretrain_epochs=1',
    'model.finetune_epochs=2',
    'model.resource_estimator.input_shape=(1,3,32,32)',
    'train_dataloader.dataset.indices=128',
    'train_dataloader.dataset.pipeline.0.scale=(32,32)',
    'train_dataloader.dataset.pipeline.1.crop_size=32',
    'val_dataloader.dataset.pipeline.0.scale=(32,32)',
    'test_dataloader.dataset.pipeline.0.scale=(32,32)',
    'param_scheduler.architecture.1.end=3',
    'param_scheduler.architecture.1.T_max=1',
    'default_hooks.logger.interval=1',
)
SMALL_TEST = SHORT[8:9]


@pytest.fixture(scope='session')
def run_tool(tmp_path_factory):
    """Runs a command-line tool from a folder other than the checkout.

    Returns:
        Callable: Takes the tool's path below ``tools/`` and its arguments;
        returns the finished process. ``fails=True`` if it is to fail.
    """

    folder = tmp_path_factory.mktemp('printed')

    def run(tool, *args, cwd, fails=False, env=None):
        done = tools.run_tool(tool, *args, cwd=cwd, folder=folder, env=env)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope='session')
def search(run_tool, tmp_path_factory):
    """A short search: its work directory and what it printed."""
    folder = tmp_path_factory.mktemp('search')
    done = run_tool(
        'train.py',
        DIGITS,
        '--work-dir',
        folder / 'work',
        '--cfg-options',
        *SHORT,
        cwd=folder,
    )
    return folder / 'work', done.stdout + done.stderr


def pytest_collection_modifyitems(items):
    """Each of these starts processes of its own, or waits for a run of one."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
