"""How the commands of the documentation are made small, and fail."""

import os
import sys
from pathlib import Path

import pytest

from docs.examples import small
from docs.examples.installed import check, requirements
from docs.examples.scratch import run_shell, small_commands
from mmdsnas.command_line.command import COMMANDS


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


@pytest.mark.parametrize('words', ['tools/other.py x', '-m other x'])
def test_a_command_that_the_tables_do_not_name_is_refused(words):
    with pytest.raises(SystemExit, match='does not say how other.* is made small'):
        small.python(words.split())


def test_a_command_of_mmdsnas_is_as_small_as_its_script():
    command = small.mmdsnas(['train', 'dsnas_supernet_1xb64_digits'])
    assert command[1:4] == ['-m', 'mmdsnas.command_line.command', 'train']
    script = small.python(['tools/train.py', 'dsnas_supernet_1xb64_digits'])
    assert command[4:] == script[2:]
    names = {**dict.fromkeys(COMMANDS, ''), **small.COMMANDS_OF_SCRIPTS}
    for name, stem in names.items():
        assert f'{stem or name.replace("-", "_")}.py' in small.SCRIPTS


def test_a_benchmark_does_not_write_into_the_results():
    command = small.python('-m benchmarks.speed.bench --only data'.split())
    assert command.count('--only') == 1 and '--out' in command


def test_pip_install_looks_and_does_not_install():
    command = small.python('-m pip --quiet install -r x.txt'.split())
    assert command[1:] == [small.INSTALLED, '-r', 'x.txt']


def test_what_is_not_installed_is_named(tmp_path):
    (tmp_path / 'more.txt').write_text('pytest<2  # old\n')
    file = tmp_path / 'all.txt'
    file.write_text('# these\n-r more.txt\nnothing-of-this-name\npytest>2\n')
    old, absent = check(['-q', '-r', str(file), 'pytest'])
    assert old.startswith('pytest<2 is asked for, but ')
    assert absent == 'nothing-of-this-name is not installed.'


def test_extras_of_the_checkout(monkeypatch):
    monkeypatch.chdir(Path(small.__file__).parents[2])
    needs = list(requirements(['.[onnx]']))
    assert 'onnxruntime>=1.31' in needs and 'torch>=2.0' in needs
    assert not any(each.startswith(('onnxscript', 'mmcv')) for each in needs)
    assert list(requirements(['--no-deps', '.'], with_needs=False)) == []
    with pytest.raises(ValueError, match='no extra other'):
        list(requirements(['.[other]']))
