import re

from mmdsnas.command_line.commands import get_flops
from mmdsnas.errors import ConfigError
from mmdsnas.models.cost import PeakMemoryMeter

TOOL = 'analysis_tools/get_flops.py'


def numbers(printed, row):
    line = re.search(rf'^ *{re.escape(row)} .*$', printed, re.MULTILINE)[0]
    return [float(number) for number in line.split()[-3:]]


def test_child_of_mmrazor(run_tool, tmp_path):
    printed = run_tool(TOOL, 'dsnas_subnet_8xb128_in1k', cwd=tmp_path).stdout
    assert 'input 3 x 224 x 224' in printed
    assert numbers(printed, 'in all')[:2] == [3.331, 299.135]
    assert numbers(printed, 'head') == [1.025, 1.024, 1.024]


def test_paths_and_child_of_a_search(run_tool, tmp_path):
    config = 'dsnas_supernet_1xb64_digits'
    printed = run_tool(TOOL, config, cwd=tmp_path).stdout
    cheapest, costliest = printed.split('The most expensive path')
    child = run_tool(TOOL, config, '--subnet', 'dsnas_digits', cwd=tmp_path).stdout
    columns = [numbers(text, 'in all') for text in (cheapest, child, costliest)]
    # What `make search` prints for that child.
    assert columns[1][:2] == [0.050, 2.849]
    assert columns[0][1] < columns[1][1] < columns[2][1]
    small = run_tool(TOOL, config, '--shape', 32, 32, cwd=tmp_path).stdout
    assert 'input 3 x 32 x 32' in small
    assert numbers(small, 'in all')[1] < columns[0][1]


def test_subnet_that_is_not_there(run_tool, tmp_path):
    done = run_tool(
        TOOL, 'dsnas_subnet_1xb64_digits', '--subnet', 'x', cwd=tmp_path, fails=True
    )
    assert done.stderr.splitlines()[-1].startswith(
        'error: subnet file x does not exist'
    )


def test_a_peak_that_cannot_be_found_costs_no_count(monkeypatch, capsys):
    def fail(*args):
        raise ConfigError('its forward fails')

    monkeypatch.setattr(PeakMemoryMeter, 'whole', fail)
    monkeypatch.setattr('sys.argv', ['get_flops', 'dsnas_supernet_1xb64_digits'])
    get_flops.main()
    printed = capsys.readouterr().out
    told = 'peak memory of activations: not known: its forward fails'
    assert printed.count(told) == printed.count('in all') == 2
