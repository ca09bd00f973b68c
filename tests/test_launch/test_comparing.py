"""Networks made by hand beside the child of a search."""

import json

import pytest

from mmdsnas import train
from mmdsnas.errors import ConfigError
from mmdsnas.launch import comparing
from mmdsnas.launch.building import build_model
from mmdsnas.launch.comparing import FILE, FOLDER, check_compare, hand_made
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.own_images import apply_plan
from mmdsnas.launch.own_instances import own_instances
from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.training_plan import TrainingPlan
from mmdsnas.visualization.csv_files import read_compared
from tests.pretrained import CLASSES, write_config, write_folder

LIMIT = {'model.cost.limit': '60%'}
COMPARE = {'own_images.compare': True}
SIZES = {'model.cost.limit': '70%', 'model.input_sizes': [64, 32]}


@pytest.fixture
def options(tmp_path):
    images = write_folder(tmp_path / 'own', train=4, val=2, test=3)
    return {'data_root': images, 'own_images.epochs': 3}


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.mark.parametrize(
    'wrong, words',
    [
        ({}, 'without a limit'),
        ({**LIMIT, 'custom_hooks': []}, 'without a search in a pretrained network'),
        (
            {**LIMIT, 'val_cfg': None, 'val_dataloader': None, 'val_evaluator': None},
            'without a validation',
        ),
        ({**LIMIT, 'default_hooks.report': None}, 'without default_hooks.report'),
        (
            {**LIMIT, 'own_images.pretrained': None},
            'without a search in a pretrained network',
        ),
    ],
)
def test_what_it_needs(config, options, wrong, words):
    loaded = load_config(config, {**options, **COMPARE, **wrong})
    with pytest.raises(ConfigError, match=f'compare must be False {words}'):
        check_compare(loaded, Given())


def test_which_networks_are_made_by_hand(config, options):
    algorithm = build_model(load_config(config, {**options, **SIZES}))
    near = {'probable': 0.0, 'e3+full': 0.2, 'skip+e3': 0.3, 'full': 0.1}
    found = hand_made(algorithm, near)
    assert list(found) == ['full', 'skip+full', 'e3+full']
    for name, (size, path) in found.items():
        larger = [s for s in algorithm.input_sizes if s > size]
        for each in [size, *larger]:
            algorithm.set_input_size(each)
            # Each has the largest images that it may have.
            assert algorithm.cost_term.allows(path) == (each == size), name
    assert set(found['full'][1].values()) == {'full'}
    assert set(found['skip+full'][1].values()) == {'skip', 'full'}
    # Nothing else was measured.
    assert list(hand_made(algorithm, {})) == ['full', 'skip+full']


def test_they_have_what_was_planned(config, options):
    """Other epochs than those of the search, but its images and batches."""
    searched = load_config(config, {**options, **LIMIT, 'own_images.minutes': None})
    plan = TrainingPlan(input_size=48, epochs=9, batch_size=16)
    apply_plan(searched, plan, Given())
    made = comparing._config_of(searched, 'full', 32, 5, None)
    again = load_config(made, options={'model.pretrain_epochs': 0})
    assert again.train_cfg.max_epochs == again.own_images.epochs == 5
    assert again.train_dataloader.batch_size == 16
    assert again.train_dataloader.dataset.pipeline[1].scale == 48


@pytest.mark.slow
def test_they_are_trained_beside_the_child(config, options, tmp_path, monkeypatch):
    # The shortest runs.
    monkeypatch.setattr(comparing, 'seconds_of_step', lambda *args: 1e6)
    trained = []

    def run(**kwargs):
        trained.clear()
        of_network = comparing._config_of

        def note(*args):
            trained.append(args[1])
            return of_network(*args)

        with own_instances(), monkeypatch.context() as patch:
            patch.setattr(comparing, '_config_of', note)
            train(config, work, options={**options, **LIMIT, **COMPARE}, **kwargs)

    work = tmp_path / 'run'
    run()
    plan = json.loads((work / FOLDER / FILE).read_text())
    assert trained == list(plan) and len(trained) == 3
    assert {epochs for _, epochs in plan.values()} == {3}
    rows = read_compared(work)
    assert [row.network for row in rows] == ['the child', 'the whole network', *trained]
    assert {row.images for row in rows} == {3 * len(CLASSES)}
    sizes = {row.network: row.input_size for row in rows}
    assert sizes['the whole network'] == 64
    assert all(sizes[name] == size for name, (size, _) in plan.items())
    whole = rows[1].mflops
    assert all(row.mflops <= 0.6 * whole for row in rows if row is not rows[1])
    page = (work / 'report.html').read_text()
    assert 'skip+full' in page
    # What is done is not done again; what is missing is.
    (work / FOLDER / 'full' / 'subnet.pth').unlink()
    run(resume=True)
    assert trained == ['full'] and read_compared(work) == rows


@pytest.mark.slow
def test_without_it_the_whole_network_stands_alone(config, options, tmp_path):
    with own_instances():
        train(config, tmp_path / 'run', options={**options, **LIMIT})
    (row,) = read_compared(tmp_path / 'run')
    assert (row.network, row.input_size, row.images) == ('the whole network', 64, 6)
    assert not (tmp_path / 'run' / FOLDER).exists()
