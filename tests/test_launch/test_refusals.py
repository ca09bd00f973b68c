"""A refused run leaves its work dir as it was."""

import logging
import shutil
import time
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger

from mmdsnas import train
from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.launch.refusals import left_as_it_was
from mmdsnas.launch.searching import own_instances
from mmdsnas.registry import HOOKS
from tests.small_search import config_of, run

DIGITS = 'dsnas_supernet_1xb64_digits'
FAST = {f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')}


def content(folder):
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize(
    'options',
    [
        {'model.cost.limit': 0.1},  # while the Runner is built
        {
            'default_hooks.checkpoint.save_best': 'none'
        },  # a part fails while it is built
        {'default_hooks.checkpoint.save_best': 'acc'},  # by a hook
    ],
)
def test_nothing_is_left(tmp_path, options):
    new, used = tmp_path / 'a' / 'new', tmp_path / 'used'
    used.mkdir()
    (used / 'epoch_1.pth').touch()
    (used / f'{DIGITS}.py').write_text('# of an earlier run')
    before = content(tmp_path)
    for work_dir in (new, used):
        with own_instances(), pytest.raises(ConfigError):
            train(DIGITS, work_dir, options={**FAST, **options})
    assert content(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ['used']


@pytest.mark.parametrize(
    'error, trains, left', [(ConfigError, 0, 0), (ConfigError, 1, 1), (KeyError, 0, 1)]
)
def test_what_stays(tmp_path, error, trains, left):
    """Measured latencies always; all of a run that trained, or that failed."""
    config = Config(dict(work_dir=str(tmp_path / 'run')))
    with own_instances(), pytest.raises(error):
        with left_as_it_was(config, lambda: bool(trains)):
            session = tmp_path / 'run' / 'session'
            session.mkdir(parents=True)
            MMLogger.get_instance('run', log_file=str(session / 'run.log'))
            (tmp_path / 'run/latency.json').touch()
            raise error('a reason')
    names = {path.name for path in (tmp_path / 'run').iterdir()}
    assert names == {'latency.json', *(['session'] if left else [])}


@HOOKS.register_module(force=True)
class RefusesAtTheEnd(Hook):
    """A hook of a user."""

    def after_train(self, runner) -> None:
        raise ConfigError('the end must be another')


def refuse(config, *made):
    """Refuses a run whose logger writes to a new session, and returns the logger."""
    with pytest.raises(ConfigError), left_as_it_was(config, lambda: False):
        session = Path(config.work_dir) / 'session'
        session.mkdir(parents=True)
        name = f'{session.parent.name}_{len(MMLogger._instance_dict)}'
        logger = MMLogger.get_instance(name, log_file=str(session / 'run.log'))
        for file in made:
            (session.parent / file).touch()
        raise ConfigError('a reason')
    return logger


def test_nothing_more_is_written_to_the_log(tmp_path):
    with own_instances():
        logger = refuse(Config(dict(work_dir=str(tmp_path / 'run'))))
        (handler,) = logger.handlers
        assert MMLogger.get_current_instance().log_file is None
    assert type(handler) is logging.StreamHandler and not list(tmp_path.iterdir())


def test_the_text_of_a_config_without_a_file(tmp_path):
    """mmengine calls it as the session; a file of that name that was there stays."""
    for there in ([], ['session.py']):
        for name in there:
            (tmp_path / name).touch()
        with own_instances():
            refuse(Config(dict(work_dir=str(tmp_path))), 'session.py')
        assert [path.name for path in tmp_path.iterdir()] == there


def test_a_work_dir_that_is_a_file(tmp_path):
    (tmp_path / 'work').write_text('a file')
    with pytest.raises(OutputError, match='work_dir must be a folder'):
        run(config_of(tmp_path / 'work'))
    assert content(tmp_path) == dict(work=b'a file')


def test_a_logger_of_an_earlier_run_whose_folder_is_gone(tmp_path):
    config = Config(dict(work_dir=str(tmp_path / 'run')))
    with own_instances(), pytest.raises(ConfigError, match='^another$'):
        log = tmp_path / 'run' / 'session' / 'run.log'
        log.parent.mkdir(parents=True)
        MMLogger.get_instance('earlier', log_file=str(log))
        shutil.rmtree(tmp_path / 'run')
        with left_as_it_was(config, lambda: False):
            raise ConfigError('another')


@pytest.mark.parametrize('written', ['the same', 'other text'])
def test_the_config_of_an_earlier_run(tmp_path, written):
    """It is written again only where it changed, and whole or not at all."""
    own = tmp_path / 'own.py'
    own.write_text('the same')
    config = Config(dict(work_dir=str(tmp_path)), filename=str(own))
    file = own.stat().st_ino
    with pytest.raises(ConfigError), left_as_it_was(config, lambda: False):
        own.write_text(written)
        raise ConfigError('a reason')
    assert own.read_text() == 'the same'
    assert (own.stat().st_ino == file) == (written == 'the same')


@pytest.mark.slow
def test_a_finished_run_that_is_resumed_keeps_its_log(tmp_path):
    run(config_of(tmp_path, train_cfg__max_epochs=1))
    config = config_of(tmp_path, train_cfg__max_epochs=1, resume=True)
    config.custom_hooks = [*config.custom_hooks, dict(type='RefusesAtTheEnd')]
    logs = len(list(tmp_path.glob('*/*.log')))
    time.sleep(1)  # the names of sessions are seconds
    with pytest.raises(ConfigError, match='the end'):
        run(config)
    assert len(list(tmp_path.glob('*/*.log'))) == logs + 1
