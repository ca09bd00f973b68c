import copy

import pytest
import torch
import torch.nn as nn
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from mmdsnas.engine import SearchOptimWrapperConstructor, SearchOptimWrapperDict
from mmdsnas.errors import ConfigError


class Model(nn.Module):
    """Weights and alpha in one product, with the names of the algorithm."""

    def __init__(self):
        super().__init__()
        self.architecture = nn.Linear(2, 1, bias=False)
        self.mutator = nn.Linear(2, 1, bias=False)

    def forward(self, x):
        return (self.architecture(x) * self.mutator(x)).mean()


def build(model, amp=None, **kwargs):
    part = dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9), **kwargs
    )
    config = dict(architecture=dict(part), mutator=copy.deepcopy(part))
    if amp is not None:
        config['amp'] = amp
    return SearchOptimWrapperConstructor(config)(model)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model()


def test_one_backward_steps_both(model):
    """The step equals that of two plain optimizers on the same gradients."""
    x = torch.randn(4, 2)
    twin = copy.deepcopy(model)
    twin(x).backward()
    wrapper = build(model)
    wrapper.update_params(model(x))
    for ours, plain in zip(model.parameters(), twin.parameters()):
        assert torch.equal(ours, plain - 0.1 * plain.grad)
        assert ours.grad is None


def test_unused_parameter_gets_no_step(model):
    """Neither momentum nor weight decay moves what has no gradient."""
    wrapper = build(model)
    x = torch.randn(4, 2)
    wrapper.update_params(model(x))  # gives alpha momentum
    before = model.mutator.weight.clone()
    wrapper.update_params(model.architecture(x).mean())
    assert torch.equal(model.mutator.weight, before)


@pytest.mark.parametrize('amp', [None, dict(dtype='float16', init_scale=1024.0)])
def test_one_of_them_is_stepped(model, amp):
    """The other keeps its values, though it has momentum; nothing waits for it."""
    wrapper, x = build(model, amp), torch.randn(4, 2)
    wrapper.update_params(model(x))
    for only, other in ('architecture', 'mutator'), ('mutator', 'architecture'):
        before = {n: p.clone() for n, p in model.named_parameters()}
        state = copy.deepcopy(wrapper[other].optimizer.state_dict())
        wrapper.only = only
        wrapper.update_params(model(x))
        after = dict(model.named_parameters())
        assert not torch.equal(after[f'{only}.weight'], before[f'{only}.weight'])
        assert torch.equal(after[f'{other}.weight'], before[f'{other}.weight'])
        assert after[f'{other}.weight'].grad is None
        momentum = wrapper[other].optimizer.state_dict()['state'][0]['momentum_buffer']
        assert torch.equal(momentum, state['state'][0]['momentum_buffer'])


def test_what_is_not_finite_moves_nothing_though_one_is_stepped(model):
    wrapper = build(model)
    before = [p.clone() for p in model.parameters()]
    for wrapper.only in ('architecture', 'mutator'):
        wrapper.update_params(model(torch.randn(4, 2)) * float('inf'))
        assert wrapper.skipped
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))


def test_accumulation_equals_the_whole_batch(model):
    x = torch.randn(8, 2)
    twin = copy.deepcopy(model)
    whole, parts = build(twin), build(model, accumulative_counts=2)
    parts.initialize_count_status(model, 0, 4)
    whole.update_params((twin(x[:4]) + twin(x[4:])) / 2)
    before = model.architecture.weight.clone()
    parts.update_params(model(x[:4]))
    assert torch.equal(model.architecture.weight, before)
    parts.update_params(model(x[4:]))
    for ours, plain in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(ours, plain)


def test_clipping_is_per_wrapper(model):
    wrapper = build(model, clip_grad=dict(max_norm=1e-3))
    before = [p.clone() for p in model.parameters()]
    wrapper.update_params(100 * model(torch.randn(4, 2)))
    for old, new in zip(before, model.parameters()):
        torch.testing.assert_close((old - new).norm(), torch.tensor(1e-4))


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_amp_runs_in_low_precision(model, dtype):
    wrapper = build(model, amp=dict(dtype=dtype))
    with wrapper.optim_context(model):
        out = model.architecture(torch.randn(4, 2))
    assert out.dtype == getattr(torch, dtype)
    assert (wrapper.loss_scaler is not None) == (dtype == 'float16')


def test_loss_factor_is_what_gradients_were_multiplied_by(model):
    wrapper = build(
        model, amp=dict(dtype='float16', init_scale=1024.0), accumulative_counts=2
    )
    wrapper.update_params(model(torch.randn(4, 2)))
    assert float(wrapper.loss_factor) == 512.0


def test_state_dict_round_trip(model):
    x = torch.randn(4, 2)
    amp = dict(dtype='float16', init_scale=1024.0)
    wrapper = build(model, amp=amp)
    wrapper.update_params(model(x))
    twin = copy.deepcopy(model)
    other = build(twin, amp=dict(dtype='float16', init_scale=2.0))
    other.load_state_dict(copy.deepcopy(wrapper.state_dict()))
    assert other.loss_scaler.get_scale() == wrapper.loss_scaler.get_scale()
    wrapper.update_params(model(x))
    other.update_params(twin(x))
    for ours, plain in zip(model.parameters(), twin.parameters()):
        assert torch.equal(ours, plain)


def test_state_without_a_scaler_loads(model):
    plain = build(model)
    build(model, amp=dict(dtype='float16')).load_state_dict(plain.state_dict())
    build(model).load_state_dict(build(model, amp=dict(dtype='float16')).state_dict())


def test_different_accumulation_is_refused(model):
    wrappers = {
        name: OptimWrapper(
            torch.optim.SGD(getattr(model, name).parameters(), lr=0.1),
            accumulative_counts=n,
        )
        for name, n in dict(architecture=2, mutator=1).items()
    }
    with pytest.raises(ConfigError, match='accumulative_counts.*2 for archit'):
        SearchOptimWrapperDict(**wrappers)


def test_both_optimizers_must_be_there():
    sentence = 'keys architecture and mutator.*has architecture'
    with pytest.raises(ConfigError, match=sentence):
        SearchOptimWrapperConstructor(dict(architecture=dict()))


def test_an_optimizer_that_scales_its_loss_alone_is_refused():
    # It cannot be built on a CPU.
    wrapper = AmpOptimWrapper.__new__(AmpOptimWrapper)
    sentence = 'optim_wrapper.architecture.type is AmpOptimWrapper'
    with pytest.raises(ConfigError, match=sentence):
        SearchOptimWrapperDict(architecture=wrapper)
