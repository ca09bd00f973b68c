"""MMRazor's methods of a differentiable mutable."""

import copy
from collections import Counter

import pytest
import torch
import torch.nn as nn
from mmrazor.models.mutables.mutable_module import DiffMutableModule
from mmrazor.structures import export_fix_subnet

from mmdsnas.errors import ConfigError, NoChoiceError, SubnetError
from mmdsnas.models.mutables import all_candidates
from tests.toy import Apply, ToyNet, batch, block, prepared, smooth_block


def three():
    """A block whose candidates add 1, 10 and 100, on zeros."""
    return block(
        one=Apply(lambda x: x + 1),
        ten=Apply(lambda x: x + 10),
        hundred=Apply(lambda x: x + 100),
    )


def sure(index, num=3):
    """An alpha that leaves no doubt."""
    alpha = torch.full((num,), -1e4)
    alpha[index] = 0.0
    return nn.Parameter(alpha)


def by_forward_args(op, alpha):
    op.set_forward_args(arch_param=alpha)
    return op


WAYS = dict(
    method=lambda op, alpha: lambda x: op.forward_arch_param(x, arch_param=alpha),
    positional=lambda op, alpha: lambda x: op.forward_arch_param(x, alpha),
    argument=lambda op, alpha: lambda x: op(x, arch_param=alpha),
    forward_args=by_forward_args,
)


def test_it_is_a_differentiable_mutable_of_mmrazor():
    op = three()
    assert isinstance(op, DiffMutableModule)
    alpha = torch.tensor([0.0, 1.0, 2.0])
    assert torch.equal(op.compute_arch_probs(alpha), alpha.softmax(-1))


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('index', [0, 1, 2])
def test_the_candidate_is_the_one_of_arch_param(way, index):
    op = three()
    op.current_choice = 'one'
    assert WAYS[way](op, sure(index))(torch.zeros(1)) == (1, 10, 100)[index]


@pytest.mark.parametrize('way', ['method', 'forward_args'])
def test_candidates_are_drawn_by_their_probabilities(way):
    torch.manual_seed(0)
    forward = WAYS[way](three(), nn.Parameter(torch.tensor([0.5, 0.2, 0.3]).log()))
    drawn = Counter(int(forward(torch.zeros(1))) for _ in range(2000))
    for value, wanted in ((1, 0.5), (10, 0.2), (100, 0.3)):
        # Four standard deviations.
        assert abs(drawn[value] / 2000 - wanted) < 4 * (wanted / 2000) ** 0.5


def test_the_draw_follows_torchs_random_numbers():
    op, alpha = three(), nn.Parameter(torch.zeros(3))

    def draws():
        torch.manual_seed(3)
        return [op.forward_arch_param(torch.zeros(1), alpha) for _ in range(20)]

    assert draws() == draws() and len(set(map(int, draws()))) == 3


@pytest.mark.parametrize('way', WAYS)
def test_arch_param_gets_the_gradient_of_the_paper(way):
    torch.manual_seed(1)
    op, inputs = smooth_block().double(), batch()[0]
    alpha = nn.Parameter(torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64))
    head = torch.randn(6, dtype=torch.float64)
    drawn, names = set(), []
    for c in op.choices:
        op.candidate(c).register_forward_pre_hook(lambda *_, c=c: names.append(c))
    for _ in range(8):
        alpha.grad = None
        names.clear()
        (WAYS[way](op, alpha)(inputs) @ head).sin().sum().backward()
        (choice,) = names  # one candidate, once
        drawn.add(choice)
        # dL/dZ of a gate variable, by plain autograd.
        gate = torch.ones((), dtype=torch.float64, requires_grad=True)
        (gate * op.candidate(choice)(inputs) @ head).sin().sum().backward()
        one_hot = torch.tensor([c == choice for c in op.choices]).double()
        wanted = gate.grad * (one_hot - alpha.detach().softmax(-1))
        assert (alpha.grad - wanted).abs().max() <= 1e-12
    assert len(drawn) > 1


@pytest.mark.parametrize('way', WAYS)
def test_what_remained_is_not_drawn(way):
    op = three()
    forward = WAYS[way](op, sure(0))
    op.fix_chosen('hundred')
    assert forward(torch.zeros(1)) == 100
    assert op.forward_fixed(torch.zeros(1)) == 100


@pytest.mark.parametrize('way', WAYS)
def test_the_output_may_be_overwritten(way):
    op, alpha = block(a=nn.Tanh(), b=nn.Tanh()), nn.Parameter(torch.zeros(2))
    op.copy_output = True
    WAYS[way](op, alpha)(torch.ones(2)).mul_(2).sum().backward()
    assert alpha.grad.abs().sum() > 0


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('shape', [(2,), (4,), (1, 3), ()])
def test_arch_param_of_another_block(way, shape):
    with pytest.raises(ConfigError, match=r'arch_param .*one, ten, hundred'):
        WAYS[way](three(), nn.Parameter(torch.zeros(shape)))(torch.zeros(1))


def test_a_mutator_takes_over():
    net = ToyNet([smooth_block(), smooth_block()]).double()
    for op in net.blocks:
        op.set_forward_args(arch_param=sure(0))
    prepared(net).set_choices(dict(module_0='sine', module_1='square'))
    x = batch()[0]
    wanted = net.blocks[1].candidate('square')(net.blocks[0].candidate('sine')(x))
    assert torch.equal(net.features(x), wanted)


def test_counters_see_all_candidates_of_a_block_that_draws():
    op = by_forward_args(three(), sure(0))
    with all_candidates(dict(block=op)):
        assert op(torch.zeros(1)) == 100  # the last one's
    assert op(torch.zeros(1)) == 1


def test_a_block_that_draws_can_be_copied_and_exported():
    net = ToyNet([smooth_block()]).double()
    net.blocks[0].set_forward_args(arch_param=sure(1))
    twin = copy.deepcopy(net)
    with pytest.raises(NoChoiceError):
        export_fix_subnet(net)
    twin.blocks[0].current_choice = 'square'
    subnet, child = export_fix_subnet(twin, slice_weight=True)
    assert subnet['blocks.0'].chosen == 'square'
    x = batch()[0]
    assert torch.equal(child.blocks[0](x), net.blocks[0].candidate('square')(x))
    # alpha is no part of the child.
    assert child.blocks[0].gate is None


# Fixing


@pytest.mark.parametrize('export', ['export_chosen', 'dump_chosen'])
def test_a_block_without_a_choice_is_refused_as_by_an_assertion(export):
    with pytest.raises(AssertionError, match='no current choice') as caught:
        getattr(three(), export)()
    assert isinstance(caught.value, SubnetError)


@pytest.mark.parametrize('again', ['one', 'ten', 'no candidate'])
def test_candidates_are_removed_once(again):
    op = three()
    assert op.is_fixed is False and op.num_choices == 3
    op.fix_chosen('ten')
    assert op.is_fixed is True and op.num_choices == 1
    with pytest.raises(AttributeError):
        op.fix_chosen(again)
    with pytest.raises(AttributeError):
        op.is_fixed = True
    assert op.choices == ['ten']
