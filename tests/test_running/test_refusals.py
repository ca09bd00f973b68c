"""A refused run leaves its work dir as it was."""

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmdsnas.apis import train
from mmdsnas.apis.searching import own_instances
from mmdsnas.errors import ConfigError
from mmdsnas.running.refusals import left_as_it_was

DIGITS = 'dsnas_supernet_1xb64_digits'
FAST = {f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')}


def content(folder):
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


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
