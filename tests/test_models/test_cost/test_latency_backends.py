import sys

import numpy as np
import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.models import ElasticMutableOP
from mmdsnas.models.cost import LatencyMeter
from mmdsnas.models.mutables import one_path
from mmdsnas.models.mutables.weight_parts import weight_parts
from tests.toy import Apply, build, small_shufflenet

SMALL = (1, 3, 32, 32)


def test_the_extra_is_named(monkeypatch):
    for package in ('onnx', 'onnxruntime'):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ConfigError, match=r"install 'mmdsnas\[onnx\]'"):
                LatencyMeter(SMALL, backend='onnxruntime')


@pytest.fixture
def meter():
    return LatencyMeter(SMALL, backend='onnxruntime', repeats=2)


def test_onnxruntime_computes_what_the_module_computes(meter):
    torch.manual_seed(0)
    conv = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    conv[1].running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 8, 8)
    (found,) = meter.backend.prepare(conv, (x,), {})()
    np.testing.assert_allclose(found, conv(x).detach(), rtol=1e-4, atol=1e-5)
    tree = ([x[:1], (x[1:],)],)
    (found,) = meter.backend.prepare(Apply(lambda t: t[0] - 2 * t[1][0]), tree, {})()
    np.testing.assert_allclose(found, x[:1] - 2 * x[1:], rtol=1e-6)
    named = Apply(lambda a, b, c, flag: dict(y=a - (2 * c if flag else b), size=3))
    call = meter.backend.prepare(named, (x,), dict(flag=True, c=x + 1, b=x))
    np.testing.assert_allclose(call()[0], x - 2 * (x + 1), rtol=1e-6)


@pytest.mark.slow
def test_a_supernet_in_onnxruntime(meter):
    model = build(small_shufflenet())
    table = meter.table(model)
    assert len(table.blocks) == 4
    assert all(len(row) == 4 for row in table.blocks.values())
    assert meter.setting(model)['onnxruntime']


@pytest.mark.parametrize('backend', ['pytorch', 'onnxruntime'])
def test_shared_weights_are_measured_as_those_of_a_child(backend, monkeypatch):
    """Which does not compute them, alone and in whole networks."""
    meter = LatencyMeter(SMALL, backend=backend, repeats=2)
    convs = {f'k{k}': nn.Conv2d(3, 3, k, padding=k // 2) for k in (5, 3)}
    model = nn.Sequential(ElasticMutableOP(nn.ModuleDict(convs)))
    prepared = []

    def prepare(module, args, kwargs):
        prepared.append(module)
        return original(module, args, kwargs)

    original = meter.backend.prepare
    monkeypatch.setattr(meter.backend, 'prepare', prepare)
    with one_path({'0': model[0]}, {'0': 'k3'}):
        table, times = meter.table_and_networks(model, dict(k3=model))
    assert set(table.blocks['0']) == {'k3'} and times['k3'] > 0
    assert set(meter.table(model).blocks['0']) == {'k5', 'k3'}
    assert prepared and not any(list(weight_parts(m)) for m in prepared)
    assert len(list(weight_parts(model))) == 2


def test_what_onnxruntime_cannot_have(meter):
    with pytest.raises(
        ConfigError, match="must be 'pytorch' .* Apply .*linalg_eigvals"
    ):
        meter.backend.prepare(Apply(torch.linalg.eigvals), (torch.ones(3, 3),), {})


def test_onnxruntime_is_for_the_cpu(meter):
    with pytest.raises(ConfigError, match="with backend='onnxruntime', but is 'cuda'"):
        LatencyMeter(SMALL, backend='onnxruntime', device='cuda')
