"""How the commands of the documentation are made small, and fail."""

import os
import sys

import pytest

from docs.examples import small
from docs.examples.scratch import run_shell, small_commands


def values(command):
    """The options of a config that a command ends with; later ones count."""
    words = command[command.index('--cfg-options') :]
    return dict(word.split('=', 1) for word in words if '=' in word)


def test_options_of_the_page_are_kept_but_for_its_size():
    command = small.python(
        'tools/train.py dsnas_supernet_1xb64_digits --resume --cfg-options '
        'train_cfg.max_epochs=45 model.cost.limit=7'.split()
    )
    assert command[:4] == [
        sys.executable,
        'tools/train.py',
        'dsnas_supernet_1xb64_digits',
        '--resume',
    ]
    options = values(command)
    assert options['train_cfg.max_epochs'] == '3'
    assert options['model.cost.limit'] == '7'
    assert options['train_dataloader.dataset.indices'] == '16'


@pytest.mark.parametrize(
    'name, epochs, stages',
    [
        ('my_space/my_search.py', '3', ('1', '2')),
        ('configs/dsnas/spos_official-supernet_8xb128_in1k.py', '3', ('2', '2')),
        ('dsnas_official-finetune_8xb128_in1k', '1', (None, None)),
        ('dsnas_subnet_1xb64_digits', '1', (None, None)),
    ],
)
def test_stages_of_a_config(name, epochs, stages):
    options = values(small.python(['tools/train.py', name]))
    assert options['train_cfg.max_epochs'] == epochs
    found = (options.get(f'model.{stage}_epochs') for stage in ('pretrain', 'finetune'))
    assert tuple(found) == stages


def test_several_machines_become_two_processes():
    command = small.python(
        '-m torch.distributed.run --nnodes=2 --node_rank=1 --master_addr=first '
        '--master_port=29500 --nproc_per_node=8 tools/test.py '
        'dsnas_supernet_8xb128_in1k x.pth --launcher pytorch'.split()
    )
    text = ' '.join(command)
    assert '--nproc_per_node=2 tools/test.py dsnas_supernet_8xb128_in1k x.pth' in text
    assert '--nnodes=1 --node_rank=0 --master_addr=127.0.0.1' in text
    assert '--nproc_per_node=8' not in text
    assert all(name.startswith('test_') for name in values(command))


def test_a_command_that_fails_shows_what_it_said(tmp_path):
    assert run_shell('echo said', tmp_path) == ''
    wrong = run_shell('echo said\nls nothing | cat\necho not reached', tmp_path)
    assert 'said' in wrong and 'nothing' in wrong
    assert 'ended with' in wrong and wrong.count('not reached') == 1


def test_a_block_is_not_told_of_the_make_around_it(tmp_path, monkeypatch):
    monkeypatch.setenv('MAKEFLAGS', ' -- VENV=elsewhere')
    (tmp_path / 'Makefile').write_text('VENV ?= own\nall:\n\ttest $(VENV) = own\n')
    assert run_shell('make', tmp_path) == ''


def test_the_command_in_the_path_is_the_small_one(tmp_path):
    small_commands(tmp_path)
    (tmp_path / 'tools').mkdir()
    tool = tmp_path / 'tools' / 'train.py'
    tool.write_text('import sys\nsys.exit(" ".join(sys.argv))\n')
    wrong = run_shell('python tools/train.py dsnas_subnet_1xb64_digits', tmp_path)
    assert 'train_cfg.max_epochs=1' in wrong
    assert os.environ['PATH'] not in wrong
