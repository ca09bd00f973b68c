"""Shared weights in a whole search: gradients, copies, averages, children."""

import copy
import pickle

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import init_default_scope
from torch.nn.utils.parametrizations import weight_norm

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNASGradient, ElasticMutableOP
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.gradient_estimators import Task
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.mutators import PathSample
from mmdsnas.subnets import sub_model
from mmdsnas.subnets.child import child_state_dict
from tests.elastic import elastic, images, pretrained
from tests.toy import ToyNet, all_paths, prepared, set_alpha

CHANNELS, HIDDEN, FEW, SIDE = 2, 6, 4, 5
ALPHA = ([0.5, -0.4, 0.2], [-0.3, 0.6, 0.0])
CHOICES = ('large', 'small', 'skip')


class Images(nn.Module):
    """Vectors of 50 numbers as feature maps."""

    def forward(self, x):
        return x.unflatten(1, (CHANNELS, SIDE, SIDE))


def convs(hidden, kernel):
    return nn.Sequential(
        nn.Conv2d(CHANNELS, hidden, kernel, padding=kernel // 2),
        nn.Tanh(),
        nn.Conv2d(hidden, CHANNELS, 1),
    )


def net():
    """Two blocks in float64: convolutions, a part of them, and the identity."""
    torch.manual_seed(0)
    blocks = [
        ElasticMutableOP(
            nn.ModuleDict(
                dict(large=convs(HIDDEN, 5), small=convs(FEW, 3), skip=nn.Identity())
            )
        )
        for _ in range(2)
    ]
    size = CHANNELS * SIDE * SIDE
    return ToyNet(blocks, Images(), nn.Flatten(), width=size).double()


def batch():
    generator = torch.Generator().manual_seed(1)
    size = CHANNELS * SIDE * SIDE
    inputs = torch.randn(5, size, generator=generator, dtype=torch.float64)
    return inputs, torch.arange(5) % 3


def candidate(name, weights, x):
    """A candidate by its formula, of plain slices of the largest one's weights."""
    if name == 'skip':
        return x
    w1, b1, w2, b2 = weights
    if name == 'small':
        w1, b1, w2 = w1[:FEW, :, 1:4, 1:4], b1[:FEW], w2[:, :FEW]
    y = F.conv2d(x, w1, b1, padding=w1.shape[-1] // 2)
    return F.conv2d(y.tanh(), w2, b2)


def explicit(model, path):
    """Loss of a path times gates of 1; gradients of gates and of all weights."""
    inputs, labels = batch()
    owners = [list(b.candidate('large').parameters()) for b in model.blocks]
    gates = [torch.ones((), dtype=torch.float64, requires_grad=True) for _ in path]
    x = model.stem(inputs)
    for weights, choice, gate in zip(owners, path, gates):
        x = candidate(choice, weights, x) * gate
    loss = F.cross_entropy(model.head(model.tail(x)), labels)
    weights = list(model.parameters())
    found = torch.autograd.grad(loss, [*gates, *weights], allow_unused=True)
    grads = [
        torch.zeros_like(w) if g is None else g for w, g in zip(weights, found[2:])
    ]
    return torch.stack(found[:2]), grads


def probability(path):
    probs = torch.tensor(ALPHA, dtype=torch.float64).softmax(-1)
    return torch.stack([p[CHOICES.index(c)] for p, c in zip(probs, path)]).prod(), probs


def test_mean_gradients_by_enumeration_of_all_paths():
    """Of the shared weights and of alpha, by the estimator of the paper."""
    model = net()
    mutator = prepared(model).double()
    set_alpha(mutator, *ALPHA)
    weights, alphas = list(model.parameters()), list(mutator.arch_params.values())
    # Those of the largest candidates, and of the head.
    assert len(weights) == 4 + 4 + 2
    found = [torch.zeros_like(p) for p in (*weights, *alphas)]
    wanted = [torch.zeros_like(p) for p in (*weights, *alphas)]
    paths = all_paths(mutator)
    assert len(paths) == 9
    task = Task(lambda: model(*batch(), mode='loss'), lambda: [])
    for path in paths:
        choices = tuple(path.values())
        p, probs = probability(choices)
        for parameter in (*weights, *alphas):
            parameter.grad = None
        mutator.set_choices(path)
        DSNASGradient()(PathSample(mutator, path), task)['loss'].backward()
        for total, parameter in zip(found, (*weights, *alphas)):
            total += p * (0 if parameter.grad is None else parameter.grad)
        rewards, grads = explicit(model, choices)
        onehot = torch.tensor([[c == k for k in CHOICES] for c in choices])
        exact = [*grads, *(rewards[:, None] * (onehot.double() - probs))]
        for total, grad in zip(wanted, exact):
            total += p * grad
    for one, other in zip(found, wanted):
        assert (one - other).abs().max() <= 1e-9
        assert other.abs().max() > 1e-4  # there is something to compare


def is_part(op):
    """Whether the smaller candidate has the values of its own owner, always."""
    small, large = op.candidate('small')[0], op.candidate('large')[0]
    part = large.weight[:FEW, :, 1:4, 1:4]
    same = torch.equal(small.weight, part)
    with torch.no_grad():
        large.weight.sub_(1)
        same &= torch.equal(small.weight, part)
        large.weight.add_(1)
    return same


def changed(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    return model


def test_copies_share_among_themselves():
    model = net()
    before = model.blocks[0].candidate('small')[0].weight.detach().clone()
    for other in (
        changed(copy.deepcopy(model)),
        changed(copy.deepcopy(model)).float(),
        changed(copy.deepcopy(copy.deepcopy(model))),
    ):
        assert all(is_part(op) for op in other.blocks)
        # The original is as it was.
        assert torch.equal(model.blocks[0].candidate('small')[0].weight, before)
    loaded = net()
    loaded.load_state_dict(changed(copy.deepcopy(model)).state_dict())
    assert is_part(loaded.blocks[0])
    small = loaded.blocks[0].candidate('small')[0].weight
    assert torch.equal(small, before + 1)


@pytest.mark.parametrize('fixed', ['copy', 'original'])
def test_a_copy_keeps_its_parts_when_a_child_is_cut_out(fixed):
    """Out of the other one: what is shared is no attribute of a common class."""
    original = net().blocks[0]
    other = copy.deepcopy(original)
    gone, left = (other, original) if fixed == 'copy' else (original, other)
    gone.fix_chosen('small')
    assert is_part(left)
    assert 'weight' in dict(gone.candidate('small')[0].named_parameters())


def test_a_pickled_block_shares_its_weights():
    op = pickle.loads(pickle.dumps(net().blocks[0]))
    assert is_part(op) and is_part(pickle.loads(pickle.dumps(op)))


def test_weights_that_are_computed_are_shared():
    """Of which the parameters are parts, of length and direction."""
    candidates = dict(large=weight_norm(nn.Conv2d(4, 4, 5)), small=nn.Conv2d(4, 4, 3))
    candidates['small'] = weight_norm(candidates['small'])
    op = ElasticMutableOP(nn.ModuleDict(candidates))
    large, small = op.candidate('large'), op.candidate('small')
    weights = large.parametrizations.weight
    length, direction = weights.original0, weights.original1[..., 1:4, 1:4]
    wanted = length * direction / direction.flatten(1).norm(dim=1)[:, None, None, None]
    torch.testing.assert_close(small.weight, wanted)
    x = torch.randn(1, 4, 8, 8)
    before = small(x)
    op.fix_chosen('small')
    torch.testing.assert_close(op(x), before)
    assert len(list(op.parameters())) == 3


def test_a_module_of_two_candidates_is_left_alone():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    op = ElasticMutableOP(
        nn.ModuleDict(
            dict(plain=nn.Sequential(conv), relu=nn.Sequential(conv, nn.ReLU()))
        )
    )
    x = torch.randn(1, 4, 8, 8)
    assert torch.equal(op.candidate('relu')(x), op.candidate('plain')(x).relu())
    op.fix_chosen('relu')
    assert torch.equal(op(x), conv(x).relu())


def test_lazy_weights_are_refused():
    candidates = dict(k5=nn.LazyConv2d(4, 5), k3=nn.LazyConv2d(4, 3))
    with pytest.raises(ConfigError, match=r'k3\.weight, or that of k5, is lazy'):
        ElasticMutableOP(nn.ModuleDict(candidates))


def test_averages_share_among_themselves():
    model = net()
    average = ExponentialMovingAverage(model, momentum=0.5)
    average.update_parameters(model)
    kept = model.blocks[1].candidate('small')[0].weight.detach().clone()
    average.update_parameters(changed(model))
    found = average.module.blocks[1]
    assert is_part(found) and is_part(model.blocks[1])
    torch.testing.assert_close(found.candidate('small')[0].weight, kept + 0.5)
    # As hooks swap the two.
    for one, other in zip(model.parameters(), average.module.parameters()):
        one.data, other.data = other.data, one.data
    assert is_part(found) and is_part(model.blocks[1])
    torch.testing.assert_close(found.candidate('small')[0].weight, kept + 1)


def test_initialization_of_a_part_leaves_the_whole_alone():
    """Else each candidate would initialize a part by its own number of inputs."""
    op = net().blocks[0]
    before = op.candidate('large')[0].weight.detach().clone()
    nn.init.kaiming_normal_(op.candidate('small')[0].weight)
    assert torch.equal(op.candidate('large')[0].weight, before)


def test_channels_last():
    model = net().to(memory_format=torch.channels_last)
    whole = model.blocks[0].candidate('large')[0].weight
    assert whole.is_contiguous(memory_format=torch.channels_last)
    assert is_part(model.blocks[0])
    inputs, _ = batch()
    for choice in CHOICES:
        for op in model.blocks:
            op.current_choice = choice
        x = Images()(inputs)
        weights = [list(op.candidate('large').parameters()) for op in model.blocks]
        y = candidate(choice, weights[1], candidate(choice, weights[0], x))
        torch.testing.assert_close(model(inputs), model.head(model.tail(y)))


@pytest.fixture
def supernet():
    """A pretrained MobileNetV2 as a supernet, with a path of small candidates."""
    init_default_scope('mmdsnas')
    model = build_architecture(elastic())
    model.load_state_dict(pretrained().state_dict())
    init_default_scope('mmdsnas')
    for k, op in enumerate(blocks_of(model).values()):
        op.current_choice = op.choices[-1 if k % 4 == 0 else 1]
    return model.eval()


@pytest.mark.parametrize('graph', [False, True])
def test_a_child_computes_what_the_path_of_the_supernet_does(supernet, graph):
    subnet = {n: op.current_choice for n, op in blocks_of(supernet).items()}
    assert {'e3', 'skip'} <= set(subnet.values())
    child = sub_model(elastic(), subnet).eval()
    child.load_state_dict(child_state_dict(supernet, subnet))
    with torch.set_grad_enabled(graph):
        assert torch.equal(child(images()), supernet(images()))
