import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmcls.models.utils import InvertedResidual

from mmdsnas.errors import ConfigError
from mmdsnas.models.mutables import ElasticMutableOP, OneHotMutableOP, blocks_of
from mmdsnas.models.mutables.weight_parts import part_index
from mmdsnas.subnets import child_checkpoint, child_of_search
from tests.toy import ToyNet, algorithm_of


def block(**others):
    """Candidates of a kernel of 5 and 3, of 12 and 8 middle channels, and none."""
    torch.manual_seed(0)
    candidates = dict(
        large=InvertedResidual(4, 4, 12, 5),
        small=InvertedResidual(4, 4, 8, 3),
        skip=nn.Identity(),
    )
    return ElasticMutableOP(nn.ModuleDict(candidates | others)).double()


def x(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 6, 6, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    'whole, part, index',
    [
        ((8, 4, 5, 5), (6, 2, 3, 3), ((0, 6), (0, 2), (1, 4), (1, 4))),
        ((8, 1, 7, 7), (8, 1, 3, 7), ((0, 8), (0, 1), (2, 5), (0, 7))),
        ((8,), (5,), ((0, 5),)),
        ((), (), ()),
    ],
)
def test_part_index(whole, part, index):
    assert part_index(whole, part) == tuple(slice(*pair) for pair in index)


@pytest.mark.parametrize(
    'part', [(9, 4, 5, 5), (8, 5, 5, 5), (8, 4, 4, 5), (8, 4, 7, 5), (8, 4, 5)]
)
def test_what_is_no_part(part):
    with pytest.raises(ValueError):
        part_index((8, 4, 5, 5), part)


def test_weights_are_stored_once():
    names = [name for name, _ in block().named_parameters()]
    convs = [name for name in names if 'conv.weight' in name]
    assert len(convs) == 3 and all('large' in name for name in convs)
    # Normalization is each candidate's own.
    assert sum('small' in name and '.bn.' in name for name in names) == 6


def test_a_candidate_executes_its_part():
    op = block().eval()
    large, small = op.candidate('large'), op.candidate('small')
    weights = [
        large.expand_conv.conv.weight[:8],
        large.depthwise_conv.conv.weight[:8, :, 1:4, 1:4],
        large.linear_conv.conv.weight[:, :8],
    ]
    scale = (1 + 1e-5) ** -0.5  # of a new BatchNorm in eval mode
    y = F.relu(F.conv2d(x(), weights[0]) * scale)
    y = F.relu(F.conv2d(y, weights[1], padding=1, groups=8) * scale)
    y = F.conv2d(y, weights[2]) * scale + x()
    assert torch.allclose(small(x()), y, rtol=1e-12)


def test_gradients_of_all_candidates_add_up():
    """The expected gradient of the shared weight, by enumeration of all candidates."""
    op, probs = block(), dict(large=0.5, small=0.3, skip=0.2)
    shared = op.candidate('large').depthwise_conv.conv.weight
    expected = torch.zeros_like(shared)
    for choice, p in probs.items():
        alone = copy.deepcopy(op)
        alone.current_choice = choice
        alone(x().requires_grad_()).square().sum().backward()
        grad = alone.candidate('large').depthwise_conv.conv.weight.grad
        expected += p * (0 if grad is None else grad)
    loss = sum(p * op.candidate(c)(x()).square().sum() for c, p in probs.items())
    loss.backward()
    assert torch.allclose(shared.grad, expected, rtol=1e-12)
    # The rim of the kernel is trained by the large candidate alone.
    op.zero_grad()
    op.candidate('small')(x()).sum().backward()
    assert shared.grad[:8, :, 1:4, 1:4].abs().sum() > 0
    assert shared.grad.abs().sum() == shared.grad[:8, :, 1:4, 1:4].abs().sum()


def test_a_copy_shares_its_own_weights():
    op = block()
    other = copy.deepcopy(op)
    with torch.no_grad():
        for parameter in other.candidate('large').parameters():
            parameter.zero_()
    weights = [o.candidate('small').linear_conv.conv.weight for o in (op, other)]
    assert weights[0].abs().sum() > 0 and weights[1].abs().sum() == 0


@pytest.mark.parametrize('choice', ['large', 'small', 'skip'])
def test_a_child_is_cut_out(choice):
    op = block().eval()
    expected = op.candidate(choice)(x())
    whole = op.candidate('large')
    op.fix_chosen(choice)
    assert torch.equal(op(x()), expected)
    names = set(op.state_dict())
    own = {'large': 12, 'small': 8, 'skip': 0}[choice]
    assert all(name.startswith(f'_candidates.{choice}.') for name in names)
    assert sum(p.numel() for p in op.parameters()) == (
        own * (4 + 4 + 4 + {12: 25, 8: 9, 0: 0}[own]) + (8 if own else 0)
    )
    if choice == 'small':
        with torch.no_grad():
            whole.linear_conv.conv.weight.zero_()
        assert torch.equal(op(x()), expected)


def test_parameters_of_a_candidate():
    op = block()
    large, small = (set(op.parameters_of(c)) for c in ('large', 'small'))
    shared = {p for p in op.parameters() if p.dim() == 4}
    assert shared == large & small and not op.parameters_of('skip')
    op.current_choice = 'small'
    op(x()).sum().backward()
    assert {p for p in op.parameters() if p.grad is not None} == small


@pytest.mark.parametrize(
    'wrong', [InvertedResidual(4, 4, 16, 5), InvertedResidual(4, 4, 8, 7)]
)
def test_a_candidate_that_is_no_part_is_refused(wrong):
    with pytest.raises(ConfigError, match='large, but wrong.*weight is none'):
        block(wrong=wrong)


def test_other_candidates_may_be_among_them():
    """Whose modules happen to have a place of the first one's normalization."""
    plain = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
    pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    op = ElasticMutableOP(nn.ModuleDict(dict(plain=plain, pool=pool)))
    own = [p for p in op.candidate('pool').parameters()]
    assert [p.dim() for p in own] == [4, 1, 1, 1]
    op.candidate('pool')(torch.randn(2, 4, 6, 6)).sum().backward()
    assert all(p.grad is not None for p in own)
    assert all(p.grad is None for p in plain.parameters())


def test_smaller_candidates_inherit_normalization():
    others = dict(
        # One with more channels in a place, one without weights, one of another class.
        wide=InvertedResidual(4, 4, 16, 5),
        bare=InvertedResidual(4, 4, 8, 5, norm_cfg=dict(type='BN', affine=False)),
        other=InvertedResidual(4, 4, 8, 5, norm_cfg=dict(type='GN', num_groups=2)),
    )
    op = ElasticMutableOP(nn.ModuleDict(dict(large=InvertedResidual(4, 4, 12, 5))))
    op._candidates.update(dict(small=InvertedResidual(4, 4, 8, 3), **others))
    large = op.candidate('large')
    for tensor in (*large.parameters(), *large.buffers()):
        tensor.data = torch.rand(tensor.shape).to(tensor.dtype)
    before = {k: v.clone() for k, v in op.state_dict().items()}
    op.inherit_normalization()
    place, names = 'depthwise_conv.bn', ('weight', 'bias', 'running_mean')
    for name in names:
        whole = large.get_submodule(place).state_dict()[name]
        small = op.candidate('small').get_submodule(place).state_dict()[name]
        assert torch.equal(small, whole[:8])
    bare = op.candidate('bare').get_submodule(place)
    assert torch.equal(bare.running_var, large.get_submodule(place).running_var[:8])
    stays = [k for k in before if '.large.' in k or '.other.' in k or '.conv.' in k]
    stays += [f'_candidates.wide.{place}.{name}' for name in names]
    assert all(torch.equal(op.state_dict()[k], before[k]) for k in stays)


def searched(cls=ElasticMutableOP):
    torch.manual_seed(0)
    large, small = (nn.Sequential(nn.Linear(6, n), nn.Linear(n, 6)) for n in (8, 4))
    net = ToyNet(
        [cls(nn.ModuleDict(dict(large=large, small=small, skip=nn.Identity())))]
    )
    return algorithm_of(net)


def test_costs_are_those_of_candidates_with_weights_of_their_own():
    elastic, own = searched(), searched(OneHotMutableOP)
    assert elastic.cost_table.blocks == own.cost_table.blocks


@pytest.mark.parametrize('choice', ['large', 'small', 'skip'])
def test_what_a_child_shares_is_trained_on(choice):
    algorithm = searched()
    mutator, (block,) = algorithm.mutator, blocks_of(algorithm).values()
    shared = [p for p in block.candidate('large').parameters()]
    for parameter in shared:
        parameter.grad = torch.ones_like(parameter)
    mutator.fix({name: choice for name in mutator.search_groups})
    mutator.freeze_unselected()
    kept = choice != 'skip'
    assert {p.requires_grad for p in shared} == {kept}
    assert {p.grad is not None for p in shared} == {kept}


@pytest.mark.parametrize('choice', ['large', 'small', 'skip'])
def test_a_child_has_its_part_of_the_weights(choice):
    algorithm = searched()
    mutator, (name,) = algorithm.mutator, blocks_of(algorithm.architecture)
    mutator.fix({group: choice for group in mutator.search_groups})
    checkpoint = child_checkpoint(algorithm)
    child = copy.deepcopy(algorithm.architecture)
    child.get_submodule(name).fix_chosen(choice)
    expected = {k: v.clone() for k, v in child.state_dict().items()}
    assert checkpoint['state_dict'].keys() == expected.keys()
    of_search = child_of_search(algorithm.state_dict(), child)
    for found in (checkpoint['state_dict'], of_search):
        assert all(torch.equal(found[key], expected[key]) for key in expected)
    # A file of the child has no more than the child.
    size = sum(w.untyped_storage().nbytes() for w in of_search.values())
    assert size == sum(w.numel() * w.element_size() for w in expected.values())
