"""What a search leaves in its log, in scalars.json and for TensorBoard."""

import json
import math
import re

import pytest
import torch
from tensorboard.backend.event_processing.plugin_event_multiplexer import (
    EventMultiplexer,
)

from tests.test_tools.conftest import ROOT, SHORT, SMALL_TEST
from tests.test_tools.test_test import CHILD, accuracy, last_validation

GUIDE = (ROOT / 'docs' / 'en' / 'user_guides' / 'logs.md').read_text()
BLOCKS = [
    f'backbone.layers.{stage}.{i}'
    for stage, n in enumerate((2, 4, 2))
    for i in range(n)
]
SEARCH = [3, 4]  # the iterations of the second epoch


def with_hooks(folder):
    """The config of the guide."""
    (text,) = re.findall(r'```python\n(.*?)```', GUIDE, re.S)
    config = folder / 'with_hooks.py'
    config.write_text(text.replace("'./", f"'{ROOT / 'configs' / 'dsnas'}/"))
    return config


@pytest.fixture(scope='module')
def logged(run_tool, tmp_path_factory):
    """A short search with all hooks: its work directory and what it printed."""
    folder = tmp_path_factory.mktemp('logged')
    done = run_tool(
        'train.py',
        with_hooks(folder),
        '--work-dir',
        folder / 'work',
        '--cfg-options',
        *SHORT,
        cwd=folder,
    )
    return folder / 'work', done.stdout + done.stderr


@pytest.fixture(scope='module')
def events(logged):
    """What ``tensorboard --logdir WORK_DIR`` shows: values by step, by tag."""
    work_dir, _ = logged
    multiplexer = EventMultiplexer(size_guidance={'tensors': 0})
    multiplexer.AddRunsFromDirectory(str(work_dir)).Reload()
    (run,) = multiplexer.Runs()
    accumulator = multiplexer.GetAccumulator(run)
    return {
        tag: {
            event.step: event.tensor_proto.float_val[0]
            for event in accumulator.Tensors(tag)
        }
        for tag in accumulator.Tags()['tensors']
        if 'config' not in tag
    }


def test_every_number_of_training_is_there(events):
    names = ['loss', 'task.loss', 'architecture.lr', 'mutator.lr', 'entropy']
    names += ['expected_mflops', 'sampled_mflops', 'fixed_blocks', 'total_entropy']
    names += [f'{kind}/{block}' for kind in ('entropy', 'kl') for block in BLOCKS]
    for name in names:
        assert list(events[name]) == [1, 2, 3, 4, 5, 6], name
    for block in BLOCKS:
        assert list(events[f'reward/{block}']) == SEARCH
    for step in range(1, 7):
        # alpha moves in the search stage alone; where both draws of a block have the
        # same candidate it does not.
        moved = [events[f'kl/{block}'][step] > 0 for block in BLOCKS]
        assert any(moved) == (step in SEARCH)
    for block in BLOCKS:
        probs = [events[tag] for tag in events if tag.startswith(f'prob/{block}/')]
        assert [list(of_one) for of_one in probs] == 4 * [[2, 4, 6]]
        assert sum(of_one[4] for of_one in probs) == pytest.approx(1)
    by_block = {tag for tag in events if 'backbone' in tag}
    assert len(by_block) == (3 + 4) * len(BLOCKS) == 56


def test_the_guide_names_every_number(events):
    tags = {re.sub(r'backbone\.[^/]*', '<block>', tag) for tag in events}
    tags = {re.sub('(<block>)/.*', r'\1/<candidate>', tag) for tag in tags}
    named = re.findall(r'^\| `([^`]+)`.*\|.*\|.*\|$', GUIDE, re.M)
    # This is a search for the digits' top 1, without a limit of cost.
    limited = {'cost.loss', 'expected_mparams', 'multiplier_flops'}
    assert set(named) - limited - {'lr', 'accuracy/top5'} == tags


def test_every_number_of_a_validation_is_there(events, logged):
    _, printed = logged
    assert list(events['accuracy/top1']) == [1, 2, 3]
    # In the third epoch there is one path alone.
    assert list(events['sampled/accuracy/top1']) == [1, 2]
    rows = [row for row in printed.splitlines() if re.search(r'val\).* accuracy', row)]
    for row, epoch in zip(rows, (1, 2), strict=False):
        value = events['sampled/accuracy/top1'][epoch]
        assert f' sampled/accuracy/top1: {value:.4f}' in row
    assert len(rows) == 3 and 'sampled' not in rows[2]


def test_entropy_is_that_of_the_checkpoint(events, logged):
    work_dir, _ = logged
    for epoch in (1, 2):
        state = torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)
        total = 0
        for i, block in enumerate(BLOCKS):
            alpha = state['state_dict'][f'mutator._arch_params.module_{i}'].tolist()
            z = sum(map(math.exp, alpha))
            entropy = -sum(math.exp(a) / z * (a - math.log(z)) for a in alpha)
            assert events[f'entropy/{block}'][2 * epoch] == pytest.approx(entropy)
            total += entropy
        assert events['total_entropy'][2 * epoch] == pytest.approx(total)
        assert events['entropy'][2 * epoch] == pytest.approx(total / len(BLOCKS))


def test_lines_of_text_have_no_numbers_by_block(logged):
    work_dir, printed = logged
    lines = [row for row in printed.splitlines() if 'Epoch(' in row]
    assert len(lines) > 9
    assert not any('backbone' in row or 'total_entropy' in row for row in lines)
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    assert [row['step'] for row in rows if 'total_entropy' in row] == [1, 2, 3, 4, 5, 6]


def test_rewards_are_those_of_the_epoch_in_the_log(events, logged):
    """The log shows the mean of their sizes."""
    _, printed = logged
    (line,) = re.findall(r'Mean absolute reward of .*?: (.*)', printed)
    found = line.split()
    assert found[::2] == BLOCKS
    for block, shown in zip(BLOCKS, found[1::2]):
        sizes = [abs(value) for value in events[f'reward/{block}'].values()]
        assert f'{sum(sizes) / 2:.1e}' == shown


def test_the_child_is_tested_with_the_statistics_it_was_validated_with(
    run_tool, logged, tmp_path
):
    """Those that it has, and those computed anew for the supernet's checkpoint."""
    work_dir, printed = logged
    options = ['--cfg-options', *SMALL_TEST]
    small = [o for o in SHORT if 'train_dataloader' in o or 'input_shape' in o]
    child = run_tool('test.py', CHILD, work_dir / 'subnet.pth', *options, cwd=tmp_path)
    assert accuracy(child) == last_validation(printed)
    supernet = run_tool(
        'test.py',
        with_hooks(tmp_path),
        work_dir / 'epoch_3.pth',
        *options,
        *small,
        cwd=tmp_path,
    )
    assert accuracy(supernet) == last_validation(printed)
