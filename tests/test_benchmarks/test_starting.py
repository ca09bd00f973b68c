"""What is run of the configs to start from."""

import json
import sys

import pytest

from benchmarks.starting import __main__ as starting
from benchmarks.starting.rows import OBVIOUS, recipe_of, rows_of
from mmdsnas.launch.run_config import load_config
from tests.pictures import write_images


@pytest.fixture
def jobs_of(tmp_path, monkeypatch):
    """Gives the jobs of a command, which are not run."""
    monkeypatch.setattr(starting, 'FILE', tmp_path / 'starting.json')
    asked = {}
    monkeypatch.setattr(starting, 'run_jobs', lambda jobs, *_: asked.update(jobs) or {})

    def jobs(*args):
        monkeypatch.setattr(sys, 'argv', ['', '--folder', str(tmp_path), *args])
        starting.main()
        return asked

    return jobs


def test_rows_have_the_images_of_the_folder(jobs_of, tmp_path):
    for name in ('ant', 'bee'):
        write_images(tmp_path / 'photos' / name, 25, (70, 90, 3))
    photos = str(tmp_path / 'photos')
    jobs = jobs_of('--set', 'folder', '--data', photos, '--seeds', '1')
    rows = rows_of('folder')
    assert [job.rpartition(', ')[0] for job in jobs] == [
        f'folder, {r}, 0' for r in rows
    ]
    for _, (name, options, _, _, _) in jobs.values():
        config = load_config(name, options)
        assert config.train_dataloader.dataset.data_root == photos
        assert config.train_dataloader.num_workers == 0
        assert config.model.resource_estimator.input_shape == (1, 3, 64, 64)
    mutables = [
        load_config(name, options).model.architecture.backbone.arch_setting[0][2].type
        for _, (name, options, _, _, _) in jobs.values()
    ]
    assert [m.removeprefix('mmdsnas.') for m in mutables] == [
        *['ElasticMutableOP'] * (len(rows) - 1),
        'OneHotMutableOP',
    ]


def test_results_of_another_config_are_not_taken(jobs_of, tmp_path, monkeypatch):
    """What is published is, where the config is the same."""
    old, new = (recipe_of('digits', row) for row in OBVIOUS)
    assert old != new
    published = {'digits, search, 0': dict(recipe=old), 'folder, search, 0': {}}
    starting.FILE.write_text(json.dumps(published))
    monkeypatch.setattr(starting, 'recipe_of', lambda *_: new)
    args = '--rows', 'search', '--seeds', '1'
    assert [*jobs_of(*args)] == [f'digits, search, 0, {new}']
    assert not [*tmp_path.glob('digits*')]
    monkeypatch.setattr(starting, 'recipe_of', lambda *_: old)
    jobs_of(*args)
    assert [file.name for file in tmp_path.glob('digits*')] == [
        f'digits, search, 0, {old}.json'
    ]
    assert json.loads(starting.FILE.read_text()) == published


def test_a_row_of_another_set_is_refused(jobs_of, capsys):
    with pytest.raises(SystemExit):
        jobs_of('--rows', 'search, weights not shared')
    assert '--set digits has no row search, weights not' in capsys.readouterr().err


@pytest.mark.parametrize('args', [['--set', 'folder'], ['--data', 'photos']])
def test_a_folder_belongs_to_the_set_of_that_name(jobs_of, args, capsys):
    with pytest.raises(SystemExit):
        jobs_of(*args)
    assert '--data DIR belongs to --set folder' in capsys.readouterr().err
