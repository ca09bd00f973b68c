"""Networks made by hand beside the child of a search."""

import json
from contextlib import suppress
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmdsnas import load_child, train
from mmdsnas.errors import ConfigError
from mmdsnas.launch import comparing, judging
from mmdsnas.launch.building import build_model
from mmdsnas.launch.comparing import (
    FILE,
    FOLDER,
    Planned,
    SearchedChildHook,
    check_compare,
    hand_made,
)
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.own_images import apply_plan
from mmdsnas.launch.own_instances import own_instances
from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.training_plan import TrainingPlan
from mmdsnas.subnets import what_is_missing
from mmdsnas.subnets.checkpoint import load_checkpoint, save_checkpoint
from mmdsnas.visualization.csv_files import (
    VALIDATION,
    read_compared,
    read_predictions,
)
from mmdsnas.visualization.predictions import SEARCHED
from tests.killing import Killed
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
        ({**LIMIT, 'default_hooks.logger': None}, 'without default_hooks.logger'),
        (
            {
                **LIMIT,
                'visualizer.vis_backends': [dict(type='TensorboardVisBackend')],
            },
            'without a LocalVisBackend',
        ),
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


def test_networks_by_hand_are_measured_whole(config, options, monkeypatch):
    """A finished search must not end with one that is too slow."""
    given = {**options, 'model.cost.limit': '100%', 'model.input_sizes': [64, 32]}
    algorithm = build_model(load_config(config, given))

    def whole(self, model, path, names):
        # Above all limits at the larger size.
        return {'flops': 1e9 if self.input_shape[-1] == 64 else 0.0}

    assert hand_made(algorithm, {})['full'][0] == 64
    monkeypatch.setattr(type(algorithm.resource_estimator), 'whole', whole)
    found = hand_made(algorithm, {})
    assert {name: size for name, (size, _) in found.items()} == {
        'full': 32,
        'skip+full': 32,
    }
    assert algorithm.input_sizes == [64, 32]


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


@pytest.mark.parametrize(
    'size, subnet, own',
    [
        (32, dict(b='full'), 'full'),
        (64, dict(b='full'), None),
        (32, dict(b='e3'), None),
    ],
)
def test_searched_one_is_not_trained_again(tmp_path, monkeypatch, size, subnet, own):
    """By its size and its candidates, whatever led to them."""
    meta = dict(subnet=subnet, input_shape=(1, 3, size, size))
    save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / 'subnet.pth')
    plan = {n: Planned(32, 3, dict(b=n)) for n in ('full', 'skip')}
    trained, told = [], []
    monkeypatch.setattr(comparing, '_plan', lambda *args: plan)
    monkeypatch.setattr(comparing, '_config_of', lambda config, name, *args: name)
    monkeypatch.setattr(comparing, 'conclude', lambda *args: told.extend(args))
    config = Config(dict(work_dir=str(tmp_path)))
    comparing.compare(config, None, lambda name, *args, **kwargs: trained.append(name))
    assert trained == [name for name in plan if name != own]
    places = {name: tmp_path / FOLDER / name for name in trained}
    assert told[2:] == [places, own]


@pytest.mark.slow
def test_they_are_trained_beside_the_child(config, options, tmp_path, monkeypatch):
    # The shortest runs.
    monkeypatch.setattr(comparing, 'seconds_of_step', lambda *args: 1e6)
    trained, work = [], tmp_path / 'run'

    def run(most=3, **kwargs):
        """Trains; dies before it trains one network more than it may."""
        trained.clear()
        of_network = comparing._config_of

        def note(*args):
            if len(trained) == most:
                raise Killed
            trained.append(args[1])
            return of_network(*args)

        with own_instances(), monkeypatch.context() as patch:
            patch.setattr(comparing, '_config_of', note)
            with suppress(Killed):
                train(config, work, options={**options, **LIMIT, **COMPARE}, **kwargs)

    def child():
        return load_checkpoint(work / 'subnet.pth')

    run(most=1)
    searched = child()
    plan = json.loads((work / FOLDER / FILE).read_text())
    size, subnet = searched['meta']['input_shape'][-1], searched['meta']['subnet']
    own = [n for n, (s, _, of) in plan.items() if (s, of) == (size, subnet)]
    hand_made = [name for name in plan if name not in own]
    assert len(plan) == 3 and {epochs for _, epochs, _ in plan.values()} == {3}
    assert trained == hand_made[:1]
    # Whichever it is, it takes the child's place.
    monkeypatch.setattr(judging, 'child_of', lambda networks: [*networks][1])
    run(resume=True)
    assert trained == hand_made[1:]
    winner, rows = hand_made[0], read_compared(work)
    names = [f'the child ({winner})', 'the whole network', SEARCHED, *hand_made[1:]]
    assert [row.network.removesuffix(f' ({"".join(own)})') for row in rows] == names
    assert {row.images for row in rows} == {3 * len(CLASSES)}
    sizes = {row.network: row.input_size for row in rows}
    assert sizes['the whole network'] == 64
    assert all(sizes[name] == plan[name][0] for name in hand_made[1:])
    whole = rows[1].mflops
    assert all(row.mflops <= 0.6 * whole for row in rows if row is not rows[1])
    # Judged by four images, and evaluated on six others.
    judged = [row for row in rows if row is not rows[1]]
    assert all(row.validation % 25 == 0 for row in judged)
    assert len(read_predictions(work / VALIDATION)) == 4
    kept = load_checkpoint(work / FOLDER / 'search' / 'subnet.pth')
    assert kept['meta'] == searched['meta']
    installed = child()
    assert installed['meta']['network'] == winner
    assert installed['meta']['subnet'] == plan[winner][2]
    assert what_is_missing(installed['meta']) is None
    page = (work / 'report.html').read_text()
    assert f'The child is {winner}, a network made by hand' in page
    assert load_child(work).training is False
    # What is done is not done again; what is missing is.
    (work / FOLDER / hand_made[1] / 'subnet.pth').unlink()
    run(resume=True)
    assert trained == hand_made[1:2] and read_compared(work) == rows
    assert child()['meta'] == installed['meta']
    # A run that begins anew has no plan, and no child of another one.
    run(most=0)
    assert 'network' not in child()['meta'] and trained == []
    assert not (work / FOLDER / hand_made[1]).exists()


@pytest.mark.slow
def test_without_it_the_whole_network_stands_alone(config, options, tmp_path):
    with own_instances():
        train(config, tmp_path / 'run', options={**options, **LIMIT})
    (row,) = read_compared(tmp_path / 'run')
    assert (row.network, row.input_size, row.images) == ('the whole network', 64, 6)
    assert not (tmp_path / 'run' / FOLDER).exists()


@pytest.mark.parametrize('epoch', [0, 1])
def test_files_of_another_run_are_gone_when_one_begins(tmp_path, epoch):
    names = ['choice.csv', 'compared.csv', 'front.csv', 'scores.json', 'supernet.pth']
    for name in names:
        (tmp_path / name).touch()
    # One without the config of a search is somebody else's.
    own, other = tmp_path / 'children', tmp_path / 'other' / 'children'
    for place in (own, other):
        (place / '50%').mkdir(parents=True)
    (own / 'search.py').touch()
    SearchedChildHook().before_train(
        SimpleNamespace(work_dir=other.parent, epoch=epoch)
    )
    SearchedChildHook().before_train(SimpleNamespace(work_dir=tmp_path, epoch=epoch))
    assert {(tmp_path / name).exists() for name in names} == {epoch > 0}
    assert own.exists() == (epoch > 0) and (other / '50%').exists()
