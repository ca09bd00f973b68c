"""What is run of the configs to start from."""

import sys

import pytest

from benchmarks.starting import __main__ as starting
from benchmarks.starting.rows import OF_FOLDER, SETS, rows_of
from mmdsnas.launch.run_config import load_config


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
    rows = rows_of('folder')
    assert [*jobs] == [f'folder, {row}, 0' for row in rows]
    for (_, (config, options, _, _)), row in zip(jobs.values(), rows):
        assert config == 'dsnas_supernet_1xb64_folder'
        assert options == {**rows[row], **OF_FOLDER, 'data_root': 'photos'}


@pytest.mark.parametrize('images', SETS)
def test_one_row_is_with_weights_as_the_config_has_them_not(images):
    """Each set has a search with shared weights, and one without."""

    def block(arch_setting):
        return arch_setting[0][2]['type'].removeprefix('mmdsnas.')

    config = load_config(SETS[images], resolve=False)
    own = block(config.model.architecture.backbone.arch_setting)
    rows = rows_of(images).values()
    others = [block(*row.values()) for row in rows if len(row) == 1]
    assert {own, *others} == {'OneHotMutableOP', 'ElasticMutableOP'}


def test_a_row_of_another_set_is_refused(jobs_of, capsys):
    with pytest.raises(SystemExit):
        jobs_of('--rows', 'search, weights not shared')
    assert '--set digits has no row search, weights not' in capsys.readouterr().err


@pytest.mark.parametrize('args', [['--set', 'folder'], ['--data', 'photos']])
def test_a_folder_belongs_to_the_set_of_that_name(jobs_of, args, capsys):
    with pytest.raises(SystemExit):
        jobs_of(*args)
    assert '--data DIR belongs to --set folder' in capsys.readouterr().err
