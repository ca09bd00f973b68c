"""What is run of the configs to start from."""

import sys

import pytest

from benchmarks.starting import __main__ as starting
from benchmarks.starting.rows import OF_FOLDER, ROWS


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


def test_rows_have_the_images_of_the_folder(jobs_of):
    jobs = jobs_of('--set', 'folder', '--data', 'photos', '--seeds', '1')
    assert [*jobs] == [f'folder, {row}, 0' for row in ROWS]
    for (_, (config, options, _, _)), row in zip(jobs.values(), ROWS):
        assert config == 'dsnas_supernet_1xb64_folder'
        assert options == {**ROWS[row], **OF_FOLDER, 'data_root': 'photos'}


@pytest.mark.parametrize('args', [['--set', 'folder'], ['--data', 'photos']])
def test_a_folder_belongs_to_the_set_of_that_name(jobs_of, args, capsys):
    with pytest.raises(SystemExit):
        jobs_of(*args)
    assert '--data DIR belongs to --set folder' in capsys.readouterr().err
