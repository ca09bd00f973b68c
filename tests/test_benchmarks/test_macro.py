"""The space of NAS-Bench-Macro, what is made by hand in it, and the tables."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from benchmarks.macro import __main__ as macro
from benchmarks.macro import report, training
from benchmarks.macro.truth import DIGITS, Truth, hand_made
from mmdsnas.registry import MODELS

# As published, FLOPs and parameters.
PUBLISHED = {
    '02012100': (47327744, 890666),
    '11111221': (65012224, 2181386),
    '00011110': (31390208, 1118378),
    '22222222': (105660928, 2932586),
    '11111111': (53246464, 1588874),
    '00000000': (7713280, 387882),
}


@pytest.mark.parametrize('config', ['search', 'uniform-elastic'])
def test_networks_cost_what_is_published(config):
    model = Config.fromfile(training.CONFIGS / f'{config}.py').model
    with MODELS.switch_scope_and_registry('mmdsnas'):
        algorithm = MODELS.build(model)
    groups = algorithm.mutator.search_groups
    for path, (flops, params) in PUBLISHED.items():
        chosen = {group: DIGITS[digit] for group, digit in zip(groups, path)}
        cost = algorithm.cost_table.cost(chosen)
        assert cost['flops'] == pytest.approx(flops / 1e6, abs=1e-9)
        assert cost['params'] == pytest.approx(params / 1e6, abs=1e-9)
        assert training.written(chosen) == path


def truth_of(tmp_path, **accuracies):
    """All networks; a block costs 5 MFLOPs, or 12, as they nearly do."""
    told = {}
    for number in range(3**8):
        path = np.base_repr(number, 3).zfill(8)
        flops = 1e6 * (8 + 5 * path.count('1') + 12 * path.count('2'))
        told[path] = dict(flops=flops, mean_acc=50.0)
    for path, accuracy in accuracies.items():
        told[path.strip('_')]['mean_acc'] = accuracy
    file = tmp_path / 'truth.json'
    file.write_text(json.dumps(told))
    return Truth(file)


def test_networks_by_hand(tmp_path):
    """Two blocks, and 2 x 3 x 3 ways to cut the ends of the stages."""
    paths = list(hand_made())
    assert len(set(paths)) == 36
    assert '10111100' in paths and '22222222' in paths and '01111111' not in paths
    truth = truth_of(tmp_path, _10111100=60.0, _11100100=70.0, _12000000=80.0)
    found = truth.summary(33)
    assert found['best']['path'] == '12000000'
    assert found['largest_by_hand']['path'] == '10111100'
    assert found['best_by_hand']['path'] == '11100100'
    within = [n for n in truth.networks.values() if n.mflops <= 33]
    mean = np.mean([n.accuracy for n in within])
    assert found['mean_accuracy'] == pytest.approx(mean)


def test_sum_of_effects_does_not_know_the_exception(tmp_path):
    """Its best network is that of the rule: two of the large block, 1 and 3 % each."""
    paths = [np.base_repr(number, 3).zfill(8) for number in range(3**8)]
    told = {f'_{p}': 50.0 + p.count('1') + 3 * p.count('2') for p in paths}
    truth = truth_of(tmp_path, **{**told, '_11111000': 90.0})
    found = truth.summary(33)
    assert found['best']['path'] == '11111000'
    assert sorted(found['best_by_sum']['path']) == sorted('22000000')


def result(*accuracies, tau=0.5):
    names = 'most probable', 'obvious unless beaten'
    children = [
        dict(limit=30, choice=c, path='10101010', mflops=29.0, accuracy=a)
        for c, a in zip(names, accuracies)
    ]
    return dict(children=children, ranking={'accuracy': tau}, cpu_seconds=1.0)


def test_tables_by_hand():
    by_hand = dict(path='11111111', mflops=28.0, accuracy=60.0)
    truth = dict(
        best=dict(path='12121212', mflops=30.0, accuracy=66.0),
        best_by_sum=dict(path='12121211', mflops=29.0, accuracy=65.0),
        best_by_hand=by_hand,
        largest_by_hand=by_hand,
        mean_accuracy=55.0,
    )
    searches = {
        'uniform-all-0': result(61.0, 62.0, tau=0.4),
        'uniform-all-1': result(63.0, 62.0),
        'uniform-elastic-all-0': result(65.0),
    }
    lines = report.limit_table(searches, truth, 30).splitlines()
    assert '| random path |  |  | 55.00 | 11.00 | -5.00 |  |' in lines
    assert '| best of all |  | 30.0 | 66.00 | 0.00 | 6.00 | 12121212 |' in lines
    (line,) = [x for x in lines if 'one sum of effects' in x]
    assert line.endswith('|  | 29.0 | 65.00 | 1.00 | 5.00 | 12121211 |')
    (line,) = [x for x in lines if x.startswith('| uniform, most probable |')]
    assert line.startswith(
        '| uniform, most probable | 2 | 29.0 | 62.00 | 4.00 | 2.00 ('
    )
    elastic = '| uniform-elastic, most probable | 1 | 29.0 | 65.00 | 1.00 | 5.00 |'
    assert any(x.startswith(elastic) for x in lines)
    ranking = report.ranking_table(searches)
    assert '| uniform | accuracy | 0.45 | 0.40 to 0.50 | 2 |' in ranking
    assert len(report.limit_table(searches, truth, 40).splitlines()) == 7


@pytest.mark.slow
def test_a_search_tells_children_of_the_truth(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for split, number in (('train', 8), ('val', 200)):
        for name in map(str, range(10)):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i in range(number):
                image = rng.integers(256, size=(32, 32, 3), dtype=np.uint8)
                cv2.imwrite(str(folder / f'{i}.png'), image)
    monkeypatch.setattr(training, 'EVOLUTION', dict(population=2, generations=1))
    truth_of(tmp_path)
    files = str(tmp_path / 'truth.json'), str(tmp_path)
    found = training.search('uniform', None, 0, *files)
    assert len(found['children']) == 4 * 4 and len(found['ranking']) == 3
    assert {c['choice'] for c in found['children']} == {
        *('most probable', 'obvious unless beaten', 'cheapest of equals', 'evolution')
    }
    found = training.search('additive', 40, 0, *files)
    assert len(found['children']) == 3 and found['cpu_seconds'] > 0
    # The costs of this truth are not exact.
    assert all(c['limit'] == 40 and c['mflops'] <= 46 for c in found['children'])


def test_other_images_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(macro, 'IMAGES', {'train': 2})
    for name in 'ab':
        (tmp_path / 'train' / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / 'train' / name / f'{number}.png').touch()
    macro.check_images(tmp_path)
    (tmp_path / 'train' / 'a' / '2.png').touch()
    with pytest.raises(SystemExit, match=r'2 images in each folder of train.*\[2, 3\]'):
        macro.check_images(tmp_path)


def test_a_recipe_is_that_of_a_search():
    keys = [('uniform', None, 0), ('uniform', None, 1), ('additive', 30, 0)]
    recipes = [macro.recipe_of(*key) for key in (*keys, keys[0])]
    assert recipes[0] == recipes[3] and len(set(recipes)) == 3


def test_every_search_has_a_config_and_a_name():
    keys = macro.all_keys(2)
    assert len({macro.name_of(key) for key in keys}) == len(keys)
    assert {key[0] for key in keys} == {*macro.WITHOUT, *macro.WITHIN}
    for config, _, _ in keys:
        assert (training.CONFIGS / f'{config}.py').is_file()
