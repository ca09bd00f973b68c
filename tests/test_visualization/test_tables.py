import pytest
import rich.console

from mmdsnas.models import CostTable
from mmdsnas.visualization.tables import (
    child_table,
    cost_table,
    error_table,
    metric_lines,
    subnet_table,
)


@pytest.mark.parametrize('latency', [{}, dict(latency_ms=0.25)])
def test_table_is_made_from_the_meta_alone(latency):
    block = dict(candidate='a', probability=0.25, mflops=1.5, mparams=0.5, **latency)
    blocks = {'x.0': block, 'x.1': dict(block, candidate='b', mflops=2.0)}
    meta = dict(blocks=blocks, mflops=4.0, mparams=1.0, metrics={'accuracy/top1': 12.5})
    meta.update({key: 2.0 for key in latency})
    text = child_table(meta, ['file'])
    rows = [' '.join(line.split()) for line in text.splitlines()]
    ms = [' ms', ' 0.2500', ' 1.5000', ' 2.0000'] if latency else [''] * 4
    assert rows[1] == f'block candidate probability MFLOPs M parameters{ms[0]}'
    assert f'x.0 a 0.250 1.500 0.500{ms[1]}' in rows
    assert f'x.1 b 0.250 2.000 0.500{ms[1]}' in rows
    assert (
        f'the rest 0.500 0.000{ms[2]}' in rows and f'child 4.000 1.000{ms[3]}' in rows
    )
    assert 'accuracy/top1: 12.50' in rows and 'file' in rows


def test_metrics_that_are_no_numbers():
    assert metric_lines(dict(a=1.23456, b=[1, 2]), 3) == ['a: 1.235', 'b: [1, 2]']


def costs_of(flops, latency):
    return dict(flops=flops, latency=latency)


def test_the_costs_of_all_candidates():
    blocks = dict(x=dict(a=costs_of(1, 0.25), b=costs_of(2, 0.5)))
    text = cost_table(CostTable(blocks, dict(g=['x']), costs_of(3, 0.125)))
    rows = [line.split() for line in text.splitlines()]
    assert ['x', 'a', '1.000', '0.2500'] in rows and ['b', '2.000', '0.5000'] in rows
    assert ['the', 'rest', '3.000', '0.1250'] in rows


def test_errors_of_latencies():
    """Of -50, +10 and +20 %: the middle of 10, 20 and 50 is 20."""
    pairs = [(2.0, 1.0), (10.0, 11.0), (5.0, 6.0)]
    rows = [dict(measured_ms=m, predicted_ms=p) for m, p in pairs]
    text = error_table(rows)
    assert "(Kendall's tau): 1.00" in text
    # 3 ms, predicted to be the fastest: one of six pairs is in the wrong order.
    more = error_table([*rows, dict(measured_ms=3.0, predicted_ms=0.5)])
    assert "(Kendall's tau): 0.67" in more
    assert "(Kendall's tau): -\n" in error_table(rows[:1])
    rows = [line.split() for line in text.splitlines()]
    assert ['0', '2.0000', '1.0000', '-50.0'] in rows
    assert ['1', '10.0000', '11.0000', '+10.0'] in rows
    assert 'median 20.0 %, mean 26.7 %, largest 50.0 %' in text


def test_a_notebook_gets_the_text_too(monkeypatch):
    """rich shows what is printed there, whatever file it is to go to."""
    monkeypatch.setattr(rich.console, '_is_jupyter', lambda: True)
    assert 'shuffle_3x3' in subnet_table({'layers.0': 'shuffle_3x3'}, None)
