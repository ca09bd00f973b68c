"""Runs through tools/train.py, as a user types it."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest
import torch
import yaml

from mmdsnas.models.gradient_estimators.additive import additive_fit
from tests.test_tools.conftest import DIGITS, ROOT, SHORT


def log_of(work_dir):
    """Scalars of all runs in a work directory, in the order of time."""
    lines = []
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return lines


def weights_of(path):
    return torch.load(path, weights_only=True)['state_dict']


def test_logs_the_search(search):
    work_dir, printed = search
    train = [line for line in log_of(work_dir) if 'expected_mflops' in line]
    assert [line['epoch'] for line in train] == [1, 1, 2, 2, 3, 3]
    for line in train:
        assert line['task.loss'] == pytest.approx(line['loss'])
        assert 0 < line['sampled_mflops'] < 2
        assert {'architecture.lr', 'mutator.lr'} <= set(line)
    assert [line['fixed_blocks'] for line in train] == [0, 0, 0, 0, 8, 8]
    assert train[0]['entropy'] == pytest.approx(1.386, abs=1e-3)
    assert train[-1]['entropy'] == 0
    assert train[-1]['expected_mflops'] == pytest.approx(train[-1]['sampled_mflops'])
    children = re.findall(
        r'Child after epoch (\d): ([\d.]+) MFLOPs, ([\d.]+) M parameters', printed
    )
    assert [int(epoch) for epoch, _, _ in children] == [1, 2, 3]
    assert '3 epochs: 1 pretrain, 1 search, 1 finetune' in printed
    assert 'Mean absolute reward' in printed


def test_alpha_moves_in_the_search_stage_alone(search):
    work_dir, _ = search
    after = [weights_of(work_dir / f'epoch_{n}.pth') for n in (1, 2, 3)]
    names = [name for name in after[0] if '_arch_params' in name]
    assert len(names) == 8
    # Where both draws of a block have the same candidate it does not move.
    assert not all(torch.equal(after[0][name], after[1][name]) for name in names)
    # Once more when the child is chosen, to what was learned of all steps.
    moments = [state['gradient_estimator.moments'] for state in after]
    assert not torch.equal(*moments[:2]) and torch.equal(*moments[1:])
    effects = additive_fit(moments[1])[0].view(8, 4)
    for name, own in zip(names, effects):
        torch.testing.assert_close(after[2][name], -own.to(after[2][name]))


def test_finetune_trains_the_child_alone(search):
    work_dir, _ = search
    before, after = (weights_of(work_dir / f'epoch_{n}.pth') for n in (2, 3))
    subnet = yaml.safe_load((work_dir / 'subnet.yaml').read_text())
    assert len(subnet) == 8
    for name in before:
        moved = not torch.equal(before[name], after[name])
        match = re.match(r'architecture\.(.*)\._candidates\.(\w+)\.', name)
        if match:
            assert moved == (subnet[match[1]]['chosen'] == match[2]), name


def test_ends_with_a_table(search):
    work_dir, printed = search
    table = printed[printed.index('The search is done.') :]
    for block, entry in yaml.safe_load((work_dir / 'subnet.yaml').read_text()).items():
        assert re.search(rf'{re.escape(block)} +{entry["chosen"]}', table)
    for part in ('child', 'accuracy/top1', 'subnet.pth', 'subnet.yaml'):
        assert part in table


@pytest.mark.parametrize('epoch', [1, 2])
def test_resumed_search_goes_on(run_tool, search, tmp_path, epoch):
    """A run stopped in or at the end of the search stage goes through the rest."""
    whole, _ = search
    work_dir = tmp_path / 'work'
    work_dir.mkdir()
    checkpoint = work_dir / f'epoch_{epoch}.pth'
    checkpoint.write_bytes((whole / checkpoint.name).read_bytes())
    (work_dir / 'last_checkpoint').write_text(str(checkpoint))
    options = ('--work-dir', work_dir, '--cfg-options', *SHORT)
    done = run_tool('train.py', DIGITS, '--resume', *options, cwd=tmp_path)
    assert f'resumed epoch: {epoch}' in done.stdout + done.stderr
    if epoch == 2:  # alpha was done
        child = (whole / 'subnet.yaml').read_text()
        assert (work_dir / 'subnet.yaml').read_text() == child
    epochs = [line['epoch'] for line in log_of(work_dir) if 'entropy' in line]
    assert epochs == [e for e in (1, 2, 3) for _ in range(2) if e > epoch]


def test_resume_past_the_finetune_epoch(run_tool, search, tmp_path):
    whole, _ = search
    longer = [o for o in SHORT if 'max_epochs' not in o] + ['train_cfg.max_epochs=4']
    run_tool(
        'train.py',
        DIGITS,
        '--resume',
        whole / 'epoch_3.pth',
        '--work-dir',
        tmp_path / 'work',
        '--cfg-options',
        *longer,
        cwd=tmp_path,
    )
    before = weights_of(whole / 'epoch_3.pth')
    after = weights_of(tmp_path / 'work' / 'epoch_4.pth')
    subnet = yaml.safe_load((whole / 'subnet.yaml').read_text())
    for name in before:
        match = re.match(r'architecture\.(.*)\._candidates\.(\w+)\.', name)
        if match and subnet[match[1]]['chosen'] != match[2]:
            assert torch.equal(before[name], after[name]), name
    assert not torch.equal(
        before['architecture.head.fc.weight'], after['architecture.head.fc.weight']
    )


def test_checkpoints_load_safely(search):
    work_dir, _ = search
    checkpoint = torch.load(work_dir / 'epoch_3.pth', weights_only=True)
    history = checkpoint['message_hub']['log_scalars']['train/loss']
    assert len(history['values']) == 6
    assert {'state_dict', 'optimizer', 'param_schedulers'} <= set(checkpoint)


def test_options_of_the_command_line(run_tool, tmp_path):
    """--amp, --no-validate and --auto-scale-lr in one run."""
    done = run_tool(
        'train.py',
        DIGITS,
        '--amp',
        '--no-validate',
        '--auto-scale-lr',
        '--work-dir',
        'work',
        '--cfg-options',
        *SHORT,
        'train_dataloader.batch_size=32',
        cwd=tmp_path,
    )
    printed = done.stdout + done.stderr
    assert 'Epoch(val)' not in printed
    train = [line for line in log_of(tmp_path / 'work') if 'entropy' in line]
    # Half of the base batch size: half the weights' learning rate, whole alpha's.
    assert {line['mutator.lr'] for line in train} == {0.02}
    assert 0.04 < max(line['architecture.lr'] for line in train) <= 0.05
    assert torch.load(tmp_path / 'work' / 'subnet.pth', weights_only=True)


def test_ranks_share_one_search(run_tool, tmp_path):
    """Two processes on the CPU end with the same child."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--nproc_per_node=2',
            f'--master_port={port}',
            str(ROOT / 'tools' / 'train.py'),
            DIGITS,
            '--launcher',
            'pytorch',
            '--work-dir',
            str(tmp_path / 'work'),
            '--cfg-options',
            *SHORT,
            'train_dataloader.batch_size=32',
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': ''},
    )
    assert done.returncode == 0, done.stderr
    train = [line for line in log_of(tmp_path / 'work') if 'entropy' in line]
    assert len(train) == 6
    assert (tmp_path / 'work' / 'subnet.pth').is_file()


@pytest.mark.parametrize(
    'option, sentence',
    [
        ('model.cost.limit=0.1', r'cost.limit is 0.1 MFLOPs, but .*cheapest .*0\.6'),
        ('train_dataloader.dataset.split=none', "split.*'none'"),
    ],
)
def test_bad_input_is_one_sentence(run_tool, tmp_path, option, sentence):
    short = [o for o in SHORT if not option.startswith(o.split('=')[0])]
    done = run_tool(
        'train.py',
        DIGITS,
        '--work-dir',
        'work',
        '--cfg-options',
        *short,
        option,
        cwd=tmp_path,
        fails=True,
    )
    assert 'Traceback' not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(f'error: .*{sentence}', last), last


@pytest.mark.parametrize(
    'change, sentence',
    [
        (
            'train_cfg = dict(_delete_=True, by_epoch=False, max_iters=3)\n'
            'param_scheduler = dict(_delete_=True, architecture=[], mutator=[])',
            'train_cfg must be epoch-based',
        ),
        (
            "optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1))\n"
            'param_scheduler = None',
            'optim_wrapper must have constructor=.*gives a OptimWrapper',
        ),
        (
            "activation_checkpointing = ['architecture.backbone']",
            'activation_checkpointing cannot be used in a search',
        ),
    ],
)
def test_runs_that_cannot_search_are_refused(run_tool, tmp_path, change, sentence):
    base = ROOT / 'configs' / 'dsnas' / f'{DIGITS}.py'
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = ['{base}']\n{change}\n")
    done = run_tool('train.py', config, '--work-dir', 'work', cwd=tmp_path, fails=True)
    assert re.match(f'error: {sentence}', done.stderr.strip().splitlines()[-1])


def test_cost_and_stages_in_the_log(run_tool, tmp_path):
    """The cost term is 0 outside the search; a run without one says so."""
    done = run_tool(
        'train.py',
        DIGITS,
        '--no-validate',
        '--work-dir',
        'work',
        '--cfg-options',
        *SHORT,
        'model.cost.limit=0.7',
        'model.cost.form=expected',
        'model.cost.weight=1.',
        cwd=tmp_path,
    )
    assert 'not finish' not in done.stdout + done.stderr
    train = [line for line in log_of(tmp_path / 'work') if 'entropy' in line]
    cost = [line['cost.loss'] for line in train]
    # mmengine logs means over its window, here of all iterations so far: the term
    # of about 0.8 MFLOPs in the search stage, then zeros.
    total = [mean * (i + 1) for i, mean in enumerate(cost)]
    assert total[0] == total[1] == 0
    assert min(total[2], total[3] - total[2]) > 0.7
    assert total[3:] == pytest.approx([total[3]] * 3, rel=1e-4)
    assert train[-1]['loss'] == pytest.approx(
        train[-1]['task.loss'] + train[-1]['cost.loss'], rel=1e-4
    )

    without = [o for o in SHORT if 'model.' not in o or 'shape' in o]
    done = run_tool(
        'train.py',
        DIGITS,
        '--work-dir',
        'other',
        '--cfg-options',
        *without,
        'train_cfg.max_epochs=1',
        cwd=tmp_path,
    )
    printed = done.stdout + done.stderr
    before, _, after = printed.partition('Child after epoch 1')
    for part in (before, after):
        assert 'max_epochs is 1' in part and 'no epoch trained alpha' in part
    assert 'The search is done' not in printed


def test_finished_run_that_is_resumed(run_tool, search, tmp_path):
    whole, _ = search
    done = run_tool(
        'train.py',
        DIGITS,
        '--resume',
        whole / 'epoch_3.pth',
        '--work-dir',
        'work',
        '--cfg-options',
        *SHORT,
        cwd=tmp_path,
    )
    assert 'There was no epoch left to run' in done.stdout + done.stderr
    child = (whole / 'subnet.yaml').read_text()
    assert (tmp_path / 'work' / 'subnet.yaml').read_text() == child

    done = run_tool(
        'train.py', DIGITS, '--resume', 'none.pth', cwd=tmp_path, fails=True
    )
    assert done.stderr.strip().endswith('error: checkpoint none.pth does not exist.')


def test_unknown_config_is_one_sentence(run_tool, tmp_path):
    done = run_tool('train.py', 'dsnas_supernet_digit', cwd=tmp_path, fails=True)
    assert re.match(
        'error: .*dsnas_supernet_1xb64_digits', done.stderr.splitlines()[-1]
    )
