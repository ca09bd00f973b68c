import argparse
import json
import re

from mmdsnas.command_line.commands import measure_latency
from mmdsnas.models.cost import DeviceLatencyMeter, LatencyMeter
from tests.conftest import ROOT
from tests.test_tools.conftest import DIGITS

TOOL = 'analysis_tools/measure_latency.py'
FEW = ('--paths', 3, '--cfg-options', 'model.resource_estimator.latency.repeats=1')


def test_a_search_is_measured_and_its_file_used_again(run_tool, tmp_path):
    files = ('--out', 'table.json', '--report', 'report.json')
    (tmp_path / 'report.json').write_text('{"another": 1}')
    for again in (False, True):
        done = run_tool(TOOL, DIGITS, *files, '--threads', 1, *FEW, cwd=tmp_path)
        assert (
            'Latencies are those in table.json' in done.stdout + done.stderr
        ) is again
    table = json.loads((tmp_path / 'table.json').read_text())
    reports = json.loads((tmp_path / 'report.json').read_text())
    assert list(reports) == ['another', 'pytorch']
    report = reports['pytorch']
    assert report['setting'] == table['setting'] and len(table['blocks']) == 8
    assert table['setting']['backend'] == 'pytorch'
    errors = []
    for path in report['paths']:
        parts = [table['blocks'][name][c] for name, c in path['subnet'].items()]
        wanted = table['fixed_part'] + sum(parts)
        assert abs(path['predicted_ms'] - wanted) < 1e-9 < path['measured_ms']
        errors.append(abs(wanted / path['measured_ms'] - 1) * 100)
    assert len(errors) == 3
    pattern = r'median ([\d.]+) %, mean [\d.]+ %, largest ([\d.]+) %'
    shown = re.search(pattern, done.stdout).groups()
    assert shown == (f'{sorted(errors)[1]:.1f}', f'{max(errors):.1f}')


def test_a_child_has_no_table(run_tool, tmp_path):
    config = 'dsnas_subnet_1xb64_digits'
    done = run_tool(TOOL, config, *FEW[:2], cwd=tmp_path, fails=True)
    assert done.stderr.splitlines()[-1] == (
        f'error: {config} must be the config of a search, whose model is a DSNAS, but '
        'its model is a sub_model.'
    )


def test_a_command_has_no_options_of_a_backend(tmp_path):
    """Those of the config are of what it measures by; a batch is one of both."""
    file = tmp_path / 'search.py'
    code = """
_base_ = '{folder}/dsnas_supernet_1xb64_digits.py'
model = dict(resource_estimator=dict(latency=dict({latency})))
"""
    by_backend = 'backend="pytorch", threads=2, batch_size=3'
    by_command = 'command="./x.sh {model}", timeout=3.0, batch_size=2'
    given = argparse.Namespace(config=str(file), options={}, out=None)
    for latency, backend, command, kind, batch in (
        (by_backend, None, './y.sh {model}', DeviceLatencyMeter, 3),
        (by_backend, None, None, LatencyMeter, 3),
        (by_command, 'pytorch', None, LatencyMeter, 2),
        (by_command, None, './y.sh {model}', DeviceLatencyMeter, 2),
    ):
        file.write_text(code.format(folder=ROOT / 'configs' / 'dsnas', latency=latency))
        given.backend, given.command, given.threads = backend, command, None
        _, meter = measure_latency.load(given)
        assert type(meter) is kind and meter.input_shape[0] == batch
