import pytest
import torch
import torch.nn as nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmdsnas.models.mutables import functional
from mmdsnas.models.mutables.functional import gate, inner_product

SHAPE = (2, 3, 4, 6)

# The same shape in different strides.
LAYOUTS = dict(
    contiguous=lambda x: x,
    channels_last=lambda x: x.to(memory_format=torch.channels_last),
    transposed=lambda x: x.transpose(1, 3).contiguous().transpose(1, 3),
    strided=lambda x: x.repeat_interleave(2, -1)[..., ::2],
    expanded=lambda x: x[:1, :, :1].expand(*SHAPE),
)


def log_prob(requires_grad=True, dtype=torch.float64):
    return torch.tensor(-0.7, dtype=dtype, requires_grad=requires_grad)


def exact(a, b):
    """The inner product in float64, and what it must be compared with."""
    a, b = a.double().flatten(), b.double().flatten()
    return (a * b).sum(), a.norm() * b.norm()


class Operators(TorchDispatchMode):
    """Names of the operators that are executed."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


# Forward


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_the_output_is_the_input(dtype, layout):
    y = LAYOUTS[layout](torch.randn(SHAPE, dtype=dtype))
    out = gate(y, log_prob())
    assert out.dtype is dtype and out.stride() == y.stride()
    assert torch.equal(out, y)
    assert out.data_ptr() == y.data_ptr()  # neither multiplied nor copied


# Backward


def test_gradcheck_of_what_passes_through():
    y = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    fixed = log_prob(requires_grad=False)
    assert torch.autograd.gradcheck(lambda y: gate(y, fixed), y)
    assert torch.autograd.gradcheck(lambda y: torch.sin(gate(y.tanh(), fixed)), y)
    assert torch.autograd.gradgradcheck(lambda y: gate(y.tanh(), fixed).exp(), y)


@pytest.mark.parametrize('y_layout', LAYOUTS)
@pytest.mark.parametrize('grad_layout', LAYOUTS)
def test_the_log_probability_gets_the_gate_variables_gradient(y_layout, grad_layout):
    torch.manual_seed(0)
    y = LAYOUTS[y_layout](torch.randn(SHAPE, dtype=torch.float64))
    above = LAYOUTS[grad_layout](torch.randn(SHAPE, dtype=torch.float64))
    z = torch.ones((), dtype=torch.float64, requires_grad=True)
    (y * z).backward(above)
    lp = log_prob()
    gate(y, lp).backward(above)
    assert lp.grad.shape == ()
    assert abs(lp.grad - z.grad) <= 1e-12


@pytest.mark.parametrize('shape', [(), (1,), (7,), (2, 0, 3), (3, 4), (1, 2, 3, 4, 5)])
def test_any_number_of_dimensions(shape):
    y = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    above = torch.randn(shape, dtype=torch.float64)
    lp = log_prob()
    gate(y, lp).backward(above)
    assert abs(lp.grad - (y * above).sum()) <= 1e-12
    assert torch.equal(y.grad, above)


def test_the_reward_is_not_computed_where_nobody_needs_it(monkeypatch):
    def refuse(*args):
        raise AssertionError('the reward was computed')

    monkeypatch.setattr(functional, 'inner_product', refuse)
    y = torch.randn(5, requires_grad=True)
    gate(y, log_prob(requires_grad=False)).sum().backward()
    assert torch.equal(y.grad, torch.ones(5))
    with pytest.raises(AssertionError, match='the reward was computed'):
        gate(y, log_prob()).sum().backward()


@pytest.mark.parametrize(
    'change',
    [
        lambda out: out.add_(1),
        lambda out: out.view(-1).add_(1),
        lambda out: nn.functional.relu(out, inplace=True),
    ],
)
def test_a_write_to_the_output_is_refused(change):
    y = torch.randn(3, requires_grad=True) * 2
    out = gate(y, log_prob())
    with pytest.raises(RuntimeError, match='modified.*inplace'):
        change(out).sum().backward()


# Precision and layout of the inner product


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_low_precision_is_accumulated_in_float32(dtype):
    torch.manual_seed(0)
    a, b = torch.rand(2, 1 << 20).to(dtype)
    wanted, scale = exact(a, b)
    # What is at stake: both natural ways lose far more than 1e-5.
    for naive in ((a * b).sum(), torch.dot(a, b)):
        assert not abs(naive.double() - wanted) <= 1e-4 * scale
    found = inner_product(a, b)
    assert found.dtype is torch.float32
    assert abs(found.double() - wanted) <= 1e-5 * scale


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('layout', ['contiguous', 'channels_last', 'transposed'])
@pytest.mark.parametrize('both', [False, True])
def test_rewards_of_low_precision_feature_maps(dtype, layout, both):
    torch.manual_seed(0)
    y = torch.rand(64, 32, 28, 28).to(dtype)
    above = torch.rand(64, 32, 28, 28).to(dtype)
    above = LAYOUTS[layout](above)
    y = (LAYOUTS[layout](y) if both else y).requires_grad_()
    lp = log_prob(dtype=torch.float32)
    # The backward pass may run where autocast is on.
    with torch.autocast('cpu', dtype=torch.bfloat16):
        gate(y, lp).backward(above)
    wanted, scale = exact(y.detach(), above)
    assert lp.grad.dtype is torch.float32 and y.grad.dtype is dtype
    assert abs(lp.grad.double() - wanted) <= 1e-5 * scale


@pytest.mark.parametrize('a', [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize('b', [torch.bfloat16, torch.float32, torch.float64])
def test_the_type_of_the_result(a, b):
    wanted = torch.float64 if torch.float64 in (a, b) else torch.float32
    one, two = torch.ones(4, dtype=a), torch.full((4,), 2.0, dtype=b)
    assert inner_product(one, two).dtype is wanted
    assert inner_product(two, one) == 8


@pytest.mark.parametrize('layout', ['contiguous', 'channels_last'])
def test_equal_layouts_are_not_copied(layout):
    a, b = (LAYOUTS[layout](torch.randn(SHAPE)) for _ in range(2))
    with Operators() as operators:
        inner_product(a, b)
    assert 'clone' not in operators.names and 'dot' in operators.names
