"""Epochs and sizes that fit into some minutes, by times that the tests set."""

from dataclasses import replace

import pytest
import torch

from mmdsnas.errors import ConfigError
from mmdsnas.launch import time_plan
from mmdsnas.launch.building import build_model
from mmdsnas.launch.front import child_search
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.run_config import TRAIN, WRITTEN, load_config, prepared
from mmdsnas.launch.time_plan import Times, fit_to_time
from tests.pretrained import CHILD, SEARCH, write_config, write_folder


@pytest.fixture
def images(tmp_path):
    return write_folder(tmp_path / 'own', train=5, val=1)


@pytest.fixture
def measured(monkeypatch):
    """Steps take a millisecond for an image of 64 pixels; returns the sizes."""
    sizes = []

    def measure(config, num_images):
        assert config.train_cfg.max_epochs == 2
        sizes.append(config.own_images.input_size)
        step = 1e-3 * (sizes[-1] / 64) ** 2
        return Times(step=step, load=0, workers=0, parts=[0.5], scored=0, trials=[0])

    monkeypatch.setattr(time_plan, '_measure', measure)
    return sizes


def fitted(images, options=(), name=SEARCH, **more):
    options = {'data_root': images, **dict(options)}
    config = load_config(name, options)
    config.update(more)
    return fit_to_time(config, Given(options))


def told(config):
    own, model = config.own_images, config.model
    return own.input_size, model.pretrain_epochs, config.train_cfg.max_epochs


def test_how_many_epochs():
    times = Times(step=1e-3, load=0, workers=0, parts=[1.0], scored=0, trials=[0])
    assert times.whole == 1e-3 and times.children == [1e-3]
    # Of 100 s: 95 without what goes by besides, 15 % of 20 for the tuning.
    assert times.epochs(100.001, 1000) == (4, [4 + 91])
    assert times.epochs(20, 1000) == (3, [3 + 16])
    assert times.epochs(0.1, 1000) == (1, [2])
    assert times.seconds(4, [94], 1000) == pytest.approx(94 / 0.95)
    # Scores of half of the network, a third of a step each.
    smaller = Times(step=1e-3, load=0, workers=0, parts=[0.5], scored=1000, trials=[0])
    assert smaller.children == pytest.approx([0.55e-3])
    assert smaller.seconds(1, [3], 1000) == pytest.approx((1 + 2 * 0.55 + 1 / 3) / 0.95)
    tried = replace(smaller, trials=[0.25])
    assert tried.epochs(100, 1000) == (4, [4 + int(90.67 / 0.55 / 1.25)])
    assert tried.seconds(1, [3], 1000) == pytest.approx((1 + 2.5 * 0.55 + 1 / 3) / 0.95)
    # Several children have equal parts; what whole epochs leave goes to the costliest.
    several = Times(1.0, 0, 0, parts=[0.25, 1.0, 0.5], scored=0, trials=[0] * 3)
    assert several.children == pytest.approx([0.325, 1.0, 0.55])
    for left, alone in (
        # By hand: of 4 each 12, 4 and 7 epochs, 11.75 in all, and 0.25 left.
        (12.0, [12, 4, 7]),
        # Of 4.97: 15, 4 and 9, 13.825, and 1.075 left.
        (14.9, [15, 5, 9]),
        # Of 4.7: 14, 4 and 8, 12.95, and 1.15 left.
        (14.1, [14, 5, 8]),
        # Of 4.53: 13, 4 and 8, 12.625, and 0.975 left.
        (13.6, [14, 4, 9]),
    ):
        seconds = (2 + left) / 0.95
        assert several.epochs(seconds, 1) == (2, [2 + n for n in alone]), left
    # One process loads more slowly than the network learns.
    assert Times(1e-3, 4e-3, 1, [1.0], 0, [0]).whole == 4e-3


def test_epochs_are_fitted(images, measured):
    config = fitted(images)
    # Enough time for the largest images, and for no more epochs than make sense.
    assert measured == [64] and told(config) == (64, 4, 100)
    # Of the network itself, which nothing limits.
    assert config.param_scheduler.architecture[0].periods == [100]
    # What is dumped with the config.
    assert config.own_images.planned.epochs == 100
    # They are done sooner than in the minutes: 10 images.
    assert config.own_images.planned.expected < 1


def test_smaller_images_where_time_is_short(tmp_path, images, measured, capfd):
    options = {'own_images.minutes': 1, 'own_images.input_size': None}
    config = load_config(SEARCH, {'data_root': images, **options})
    config.work_dir = str(tmp_path)
    config.own_images.update(input_size=128, num_images=20_000)
    config = fit_to_time(config, Given({'data_root': images, **options}))
    assert measured == [128, 96, 64]
    assert told(config) == (64, 1, 4)
    assert config.train_dataloader.dataset.pipeline[1].scale == 64
    assert config.model.resource_estimator.input_shape == (1, 3, 64, 64)


@pytest.mark.parametrize('scored, size', [(0, 128), (5e4, 128), (2e5, 96), (1e6, 64)])
def test_smaller_images_where_the_choice_takes_long(
    tmp_path, images, monkeypatch, scored, size
):
    def measure(config, num_images):
        step = 1e-3 * (config.own_images.input_size / 128) ** 2
        return Times(step, load=0, workers=0, parts=[0.5], scored=scored, trials=[0])

    monkeypatch.setattr(time_plan, '_measure', measure)
    options = {'own_images.minutes': 5, 'own_images.input_size': None}
    config = load_config(SEARCH, {'data_root': images, **options})
    config.work_dir = str(tmp_path)
    config.own_images.update(input_size=128, num_images=10_000)
    config = fit_to_time(config, Given({'data_root': images, **options}))
    # Of 300 s 285 without what goes by besides, 40 for the tuning, 17 for 5e4.
    assert told(config)[0] == size


def test_enough_time_for_most_epochs_is_enough_for_the_largest_images(
    tmp_path, images, monkeypatch
):
    times = Times(1e-3, load=0, workers=0, parts=[0.5], scored=1e3, trials=[0])
    monkeypatch.setattr(time_plan, '_measure', lambda config, num_images: times)
    options = {'own_images.minutes': 20, 'own_images.input_size': None}
    config = load_config(SEARCH, {'data_root': images, **options})
    config.work_dir = str(tmp_path)
    config.own_images.update(input_size=128, num_images=500)
    config = fit_to_time(config, Given({'data_root': images, **options}))
    # The child's 96 epochs take half a minute.
    assert told(config) == (128, 4, 100)


def test_children_of_a_plan_of_two_epochs(images, measured):
    """They are none that somebody wished for, and are no mistake."""
    config = fitted(images, {'own_images.minutes': 1, 'model.cost.limit': '50%'})
    config.own_images.update(planned=None, minutes=None, fitted=True, epochs=2)
    config.train_cfg.max_epochs, config.work_dir = 2, 'work'
    child = load_config(child_search(config, '30%'))
    assert child.train_cfg.max_epochs == child.own_images.epochs == 2


def test_it_says_that_the_time_is_too_short(tmp_path, images, measured, caplog):
    options = {'own_images.minutes': 1}
    config = load_config(SEARCH, {'data_root': images, **options})
    config.work_dir = str(tmp_path)
    config.own_images.num_images = 200_000
    fit_to_time(config, Given({'data_root': images, **options}))
    assert told(config) == (64, 1, 2)
    assert config.own_images.planned.expected > 1


@pytest.mark.parametrize(
    'options',
    [
        {'own_images.epochs': 7},
        {'own_images': dict(epochs=7)},
        {'train_cfg.max_epochs': 7},
    ],
)
def test_epochs_go_before_the_minutes_of_the_config(
    tmp_path, images, measured, options
):
    config = fitted(images, options)
    assert config.train_cfg.max_epochs == 7 and not measured
    assert config.own_images.minutes is config.own_images.planned is None


@pytest.mark.parametrize(
    'name, options, words',
    [
        (SEARCH, {'own_images.epochs': 7}, 'own_images.epochs must be None .* is 7'),
        (SEARCH, {'train_cfg.max_epochs': 7}, 'train_cfg.max_epochs must be None'),
        (SEARCH, {'own_images.pretrained': None}, 'minutes must be None for other'),
        (CHILD, {}, 'own_images.minutes must be None for other configs'),
    ],
)
def test_what_contradicts_is_refused(tmp_path, images, measured, name, options, words):
    with pytest.raises(ConfigError, match=words):
        fitted(images, {'own_images.minutes': 5, **options}, name)
    assert not measured


STAGES = dict(max_epochs=9, pretrain_epochs=2, finetune_epochs=2)
BEGUN = dict(plan=STAGES, image_size=48)


@pytest.mark.parametrize(
    'meta, kept',
    [
        (BEGUN, (48, 2, 9)),
        # By another program: what is told of a plan is none.
        ({}, None),
        ({**BEGUN, 'plan': 'x'}, None),
        ({**BEGUN, 'plan': dict(STAGES, pretrain_epochs=0)}, None),
        ({**BEGUN, 'image_size': '48'}, None),
    ],
)
def test_a_resumed_run_keeps_its_epochs(tmp_path, images, measured, meta, kept):
    """Whether they were planned or given."""
    file = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict={}, meta=meta), file)
    resumed = dict(resume=True, load_from=str(file))
    config = fitted(images, {'own_images.minutes': 40}, **resumed)
    assert told(config) == (kept or (64, 4, 100)) and bool(measured) == (not kept)
    # What was not timed is no plan for a run from the config that it leaves.
    assert (config.own_images.planned is None) == bool(kept)


def test_a_config_that_a_run_left_has_its_plan(images, measured):
    config = fitted(images)
    again = fit_to_time(load_config(config), Given())
    assert len(measured) == 1 and told(again) == told(config)
    # But no numbers that somebody wished for.
    assert again.own_images.given == []
    more = {'own_images.minutes': 40}
    fit_to_time(load_config(config, more), Given(more))
    assert len(measured) == 2
    more = {'own_images.input_size': 32}
    again = fit_to_time(load_config(config, more), Given(more))
    assert measured[2:] == [32] and told(again)[0] == 32


@pytest.mark.parametrize(
    'more',
    [
        {'model.cost.limit': '30%'},
        {'custom_hooks': [dict(type='ChooseChildHook', num_batches=64)]},
        {'train_dataloader.num_workers': 0},
        {'own_images.batch_size': 4},
        {'model.distillation': dict(loss_weight=1.0)},
    ],
)
def test_a_left_plan_is_for_what_it_was_planned(images, measured, more):
    """It also depends on what a step costs, and on how much is scored."""
    options = {'model.cost.limit': '50%', 'own_images.batch_size': 2}
    config = fitted(images, options)
    fit_to_time(load_config(config), Given())
    assert len(measured) == 1
    fit_to_time(load_config(config, more), Given(more))
    assert len(measured) == 2


def test_epochs_that_are_not_planned_have_no_plan(images, measured):
    config = fitted(images)
    options = {'own_images.minutes': None}
    again = fit_to_time(load_config(config, options), Given(options))
    assert 'planned' not in again.own_images


def test_a_left_file_has_its_plan(tmp_path, images, measured, monkeypatch):
    """By all steps of a run, with smaller images than those that are read."""
    monkeypatch.setattr(time_plan, 'SIZES', (48, 32))
    monkeypatch.setattr(time_plan, 'FEWEST_EPOCHS', 1e6)
    steps = [step for step in TRAIN if step.__name__ != 'check_installed']
    folder = {'work_dir': str(tmp_path)}
    config = prepared(SEARCH, steps, Given({'data_root': images, **folder}))
    config.dump(tmp_path / 'left.py')
    again = prepared(tmp_path / 'left.py', steps, Given(folder))
    assert measured == [64, 48, 32] and told(again) == told(config)


def test_a_left_plan_is_for_as_many_images(tmp_path, images, measured):
    config = fitted(images)
    more = {'data_root': write_folder(tmp_path / 'more', train=6, val=1)}
    fit_to_time(load_config(config, more), Given(more))
    assert len(measured) == 2


@pytest.mark.parametrize('planned', [{}, [], 'x', dict(epochs='3')])
def test_a_damaged_plan_is_refused(images, planned):
    config = load_config(SEARCH, resolve=False)
    config.own_images.planned = planned
    with pytest.raises(ConfigError, match='planned.* of own_images must'):
        load_config(config, dict(data_root=images))


@pytest.mark.parametrize(
    'limit, flops',
    [(dict(latency=3.0, params=1), None), (dict(latency='60%', flops='50%'), 0.5)],
)
def test_no_latencies_are_measured(tmp_path, images, monkeypatch, limit, flops):
    """Nothing is written, and no rank is waited for."""
    built = []

    def build(config):
        built.append(build_model(config))
        return built[-1]

    monkeypatch.setattr(time_plan, 'build_model', build)
    monkeypatch.setattr(time_plan, 'seconds_of_step', lambda *args: 1e-3)
    monkeypatch.setattr(time_plan, 'seconds_of_loading', lambda *args: 0.0)
    latency = dict(file=str(tmp_path / 'latency.json'))
    options = {'model.cost.limit': limit, 'custom_hooks': None}
    config = load_config(write_config(tmp_path), dict(data_root=images, **options))
    config.model.resource_estimator.latency = latency
    config = fit_to_time(config, Given(options))
    (algorithm,) = built
    assert algorithm.resource_estimator.meters == {}
    assert list(algorithm.cost_term.limits) == (['flops'] if flops else [])
    assert not (tmp_path / 'latency.json').exists()
    # The run itself has all of it.
    assert config.model.resource_estimator.latency == latency
    assert config.model.cost.limit == limit


def test_printing_times_nothing(images, measured):
    assert prepared(SEARCH, WRITTEN, Given(dict(data_root=images))).own_images
    assert not measured


def test_children_of_several_limits_have_the_same_time():
    times = Times(
        *(1e-3, 0, 0, [1.0, 0.5, 0.1]), scored=3000, trials=[0, 0.1, 0.1]
    )  # fmt: skip
    assert times.children == pytest.approx([1e-3, 0.55e-3, 0.19e-3])
    tuned, epochs = times.epochs(40, 1000)
    # Of 40 s 38 without what goes by besides, 1 for the scores, 4 for the tuning. Of 11
    # each 0.11 and 0.13 are left: one more epoch of the cheapest.
    assert (tuned, epochs) == (4, [4 + 11, 4 + int(11 / 0.605), 5 + int(11 / 0.209)])
    alone = 11 * 1 + 18 * 0.605 + 53 * 0.209
    assert times.seconds(tuned, epochs, 1000) == pytest.approx((4 + 1 + alone) / 0.95)


def test_children_are_planned(images, monkeypatch):
    times = Times(1e-3, 0, 0, [1.0, 0.5], scored=0, trials=[0, 0])
    monkeypatch.setattr(time_plan, '_measure', lambda config, num_images: times)
    config = fitted(images, {'model.cost.limits': ['50%', '100%']})
    (half, more), (whole, epochs) = config.own_images.children
    assert (half, whole) == ('50%', '100%') and more >= epochs
    # That of the search itself is the loosest.
    assert config.train_cfg.max_epochs == epochs


@pytest.mark.slow
@pytest.mark.parametrize(
    'limits, parts, chosen',
    [
        (['50%', '100%'], [0.5, 1.0], 1),
        ([{'flops': '50%', 'params': 5}, {'flops': '90%', 'params': 6}], [0.5, 0.9], 2),
        ([{'params': 5}, {'params': 6}], [1.0, 1.0], 2),
    ],
)
def test_several_children_are_timed(tmp_path, images, limits, parts, chosen):
    options = {'data_root': images, 'model.cost.limits': limits}
    config = load_config(write_config(tmp_path), options)
    times = time_plan._measure(config, 10)
    assert times.parts == pytest.approx(parts) and times.scored > 0
    assert sum(map(bool, times.trials)) == chosen


@pytest.mark.slow
def test_steps_are_timed(tmp_path, images):
    options = {'data_root': images, 'own_images.minutes': 1, 'model.cost.limit': '60%'}
    config = load_config(write_config(tmp_path), options)
    times = time_plan._measure(config, 10)
    assert times.step > 0 and times.load > 0
    assert times.parts == [pytest.approx(0.6)]
    # Images of three sizes, which count by their edges.
    assert times.workers == 0 and 2 * times.scored % (10 * (1 + 0.75 + 0.5)) == 0
    assert times.scored > 0


@pytest.mark.slow
@pytest.mark.parametrize('limit, chooses', [('60%', True), (1e6, False)])
def test_nothing_is_chosen_within_a_limit_that_the_network_meets(
    tmp_path, images, limit, chooses
):
    labels = dict(loss_weight=1.0)
    options = {'data_root': images, 'model.cost.limit': limit}
    config = load_config(write_config(tmp_path), options)
    found = [time_plan._measure(config, 10)]
    config.model.distillation = labels
    found.append(time_plan._measure(config, 10))
    more = found[1].scored - found[0].scored
    # One process or several: each labels all images.
    assert more == (config.own_images.num_images if chooses else 0)
    assert all(bool(t.scored) == any(t.trials) == chooses for t in found)
