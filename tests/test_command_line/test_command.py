import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mmdsnas.command_line import command
from mmdsnas.versions import __version__

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def run(monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, 'argv', ['/somewhere/bin/mmdsnas', *words])
        command.main()

    return run


def test_every_tool_is_a_command():
    """And has no code of its own."""
    modules = [module for module, _ in command.COMMANDS.values()]
    scripts = {path.stem: path.read_text() for path in TOOLS.rglob('*.py')}
    # It goes where an exported network is used, without mmdsnas.
    assert 'import mmdsnas' not in scripts.pop('classify')
    assert sorted(modules) == sorted(scripts)
    for name, text in scripts.items():
        assert text.partition('"""\n\n')[2] == (
            f'from mmdsnas.command_line.commands.{name} import main\n\n'
            "if __name__ == '__main__':\n    main()\n"
        )


def test_a_command_gets_its_arguments(run, monkeypatch):
    seen = []
    module = import_module('mmdsnas.command_line.commands.convert_supernet2subnet')
    monkeypatch.setattr(module, 'main', lambda: seen.append(sys.argv))
    run('convert', 'some_config', '--cfg-options', 'a=1')
    assert seen == [['mmdsnas convert', 'some_config', '--cfg-options', 'a=1']]


@pytest.mark.parametrize('name', command.COMMANDS)
def test_help_of_a_command_names_it(run, capsys, name):
    with pytest.raises(SystemExit) as ended:
        run(name, '--help')
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f'usage: mmdsnas {name} ')


@pytest.mark.parametrize(
    'words, code', [((), 0), (('--help',), 0), (('--version',), 0), (('trian', 'x'), 2)]
)
def test_what_is_no_command(run, capsys, words, code):
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == code
    told, failed = capsys.readouterr()
    listed = re.findall(r'^  (\S+)  +\S', told.partition('options:')[2], re.M)
    if code:
        assert "invalid choice: 'trian'" in failed and 'train' in failed
    elif words == ('--version',):
        assert told == f'{__version__}\n'
    else:
        assert [n for n in listed if n[0] != '-'] == list(command.COMMANDS)
