import re
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmdsnas.engine import ChooseChildHook
from mmdsnas.engine.hooks.logging import search_plan_hook
from mmdsnas.engine.hooks.logging.search_plan_hook import (
    RULE,
    SearchPlanHook,
    found_lines,
    image_size,
)
from tests import small_choice
from tests.toy_run import runner_of, same, search_of, state_of

FOUND = dict(
    folder='/data/mine',
    images=dict(train=[['ant', 8], ['bee', 4]], val=[['ant', 2], ['bee', 1]]),
    folders={},
    left_out=dict(
        broken=[f'bee/{i}.png' for i in range(12)],
        no_image=['ant/notes.txt'],
        in_no_class=[],
    ),
    channels={'1': 10, '3': 5},
    size=(20, 30),
)


def test_what_was_found():
    assert found_lines(FOUND, 3) == [
        '15 images of 2 classes in /data/mine',
        '  ant 10, bee 5',
        '  12 to train on; 3 to validate on, held out of each class, since there is '
        'no folder val',
        '  10 grey, 5 colour; median size 20 x 30; the network gets 3 channel(s) '
        'of each',
        *[f'  left out, cannot be decoded: bee/{i}.png' for i in range(10)],
        '  left out, cannot be decoded: 2 more',
        '  left out, no image by its ending: ant/notes.txt',
    ]


def test_given_splits_of_coloured_images():
    folders = dict(train='train', val='valid', test='test')
    images = dict(FOUND['images'], test=dict(ant=0, bee=4))
    coloured = dict(folders=folders, images=images, channels={'3': 19}, left_out={})
    assert found_lines({**FOUND, **coloured}, 3)[1:] == [
        '  ant 10, bee 9',
        '  12 to train on; 3 to validate on, in the folder valid; 4 to test on, in the '
        'folder test',
        '  19 colour; median size 20 x 30',
    ]


@pytest.mark.slow
def test_the_plan_is_logged_and_changes_nothing(tmp_path):
    cheapest, costliest = search_of().cost_table.cost_range()
    cost = dict(limit=costliest)
    plain = runner_of(tmp_path / 'plain', model=search_of(cost=cost))
    plain.train()
    runner = runner_of(
        tmp_path / 'planned',
        [dict(type='SearchPlanHook')],
        model=search_of(cost=cost),
        log_level='INFO',
    )
    runner.cfg.own_images = dict(found=FOUND)
    runner.train()
    (log,) = (tmp_path / 'planned').glob('work/*/*.log')
    text = log.read_text()
    # The last lines before the first epoch.
    assert text.index('Checkpoints will be saved') < text.index('The plan:')
    _, plan, rest = text.split(f'{RULE}\n')
    assert 'Stage pretrain from epoch 1' in rest.splitlines()[0]
    plan = plan.splitlines()
    found = found_lines(FOUND, channels=1)
    number = len(found)
    assert plan[:number] == found
    plan = plan[number:]
    assert plan[0] == (
        'A search of 2 blocks with 2 candidates each, of networks of '
        f'{cheapest:.3g} to {costliest:.3g} MFLOPs, '
        f'with a limit of {costliest:g} MFLOPs'
    )
    assert plan[1] == '  3 epochs: 1 pretrain, 1 search, 1 finetune'
    assert plan[2].endswith(', batches of 4, 4 steps an epoch')
    assert re.fullmatch(r'  about 0:00:\d\d, by a few steps timed here', plan[3])
    assert same(state_of(plain), state_of(runner))


def test_the_size_is_that_of_the_images_as_they_come():
    largest = small_choice.algorithm_of()
    limit = 0.9 * largest.cost_table.fixed_part['flops']
    options = dict(input_sizes=small_choice.SIZES, cost=dict(limit=limit))
    algorithm = small_choice.algorithm_of(**options)
    assert algorithm.child_edge == 12 and image_size(algorithm) == '16 x 16'
    algorithm.input_sizes = []
    algorithm.resource_estimator.input_shape = (1, 3, 12, 16)
    assert image_size(algorithm) == '12 x 16'


def test_the_time_that_was_planned_is_told_and_not_measured_again():
    planned = dict(minutes=20, expected=12.5)
    runner = SimpleNamespace(
        cfg=Config(dict(own_images=dict(planned=planned))), epoch=0
    )
    hook = SearchPlanHook(time_steps=True)
    assert hook._time_lines(runner, range(3)) == ['  about 0:12:30']


@pytest.mark.parametrize('epoch, told', [(1, ' and the choice of the child'), (2, '')])
def test_it_says_what_takes_time_besides_the_epochs(monkeypatch, epoch, told):
    model = search_of(cost=dict(limit=1), pretrain_path='first')
    runner = SimpleNamespace(
        cfg={}, epoch=epoch, model=model, hooks=[ChooseChildHook()]
    )
    monkeypatch.setattr(search_plan_hook, 'measure', lambda *_: None)
    monkeypatch.setattr(search_plan_hook, 'seconds_of', lambda *_: 61.2)
    (line,) = SearchPlanHook()._time_lines(runner, range(epoch, 3))
    assert line == f'  about 0:01:01{told}, by a few steps timed here'
