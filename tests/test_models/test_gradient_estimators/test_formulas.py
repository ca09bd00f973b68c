"""Every estimator against a formula that is computed by other means."""

import itertools
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from mmdsnas.errors import ConfigError
from mmdsnas.models import (
    CounterfactualGradient,
    DARTSGradient,
    DSNASGradient,
    GDASGradient,
    PairedGradient,
    ProxylessGradient,
    ScoreFunctionGradient,
    SNASGradient,
)
from mmdsnas.models.gradient_estimators.mixtures import mixing_gate
from mmdsnas.models.mutables import map_tensors
from mmdsnas.models.mutators import PathSample
from tests.toy import (
    Apply,
    Layer,
    ToyNet,
    TwoInputs,
    algorithm_of,
    all_paths,
    batch,
    block,
    prepared,
    set_alpha,
    smooth_net,
    task_of,
)

ALPHA = ([0.5, -0.4, 0.2], [-0.3, 0.6, 0.0], [0.1, -0.8, 0.4])
PROBS = torch.tensor(ALPHA, dtype=torch.float64).softmax(-1)
CHOICES = ('tanh', 'sine', 'square')
PATH, OTHER = (1, 2, 0), (0, 2, 1)


@pytest.fixture
def net():
    torch.manual_seed(3)
    net = smooth_net()
    with torch.no_grad():  # gradients of a good size
        net.head.weight.mul_(3)
    return net


def mutator_of(net):
    mutator = prepared(net).double()
    set_alpha(mutator, *ALPHA)
    return mutator


def gradient(estimator, mutator, net, path, other=None, key=(0, 0, 0)):
    """The estimate of alpha's gradient for a path and a second draw."""
    names = list(mutator.search_groups)
    choices = {n: CHOICES[k] for n, k in zip(names, path, strict=True)}
    mutator.zero_grad()
    mutator.set_choices(choices)
    draw = PathSample(mutator, choices, key)
    if other is not None:
        draw.other = lambda different=False: list(other)
    losses = estimator(draw, task_of(net))
    losses['loss'].backward()
    # A path that was executed aside is gone.
    assert mutator.current_choices == choices
    zero = torch.zeros(len(CHOICES), dtype=torch.float64)
    return torch.stack(
        [zero if a.grad is None else a.grad for a in mutator.parameters()]
    )


def one_hot(path):
    return F.one_hot(torch.tensor(path), len(CHOICES)).double()


def loss_of(net, weights):
    """Loss of blocks that mix their candidates, by plain autograd."""
    inputs, labels = batch()
    x = inputs
    for module, row in zip(net.blocks, weights, strict=True):
        x = sum(w * op(x) for w, op in zip(row, module.candidates()))
    return F.cross_entropy(net.head(x), labels)


def by_block(net, path):
    """Input, output and the loss's gradient at the output, of each block."""
    inputs, labels = batch()
    x, maps = inputs, []
    for module, k in zip(net.blocks, path, strict=True):
        y = list(module.candidates())[k](x)
        maps.append((x, y))
        x = y
    loss = F.cross_entropy(net.head(x), labels)
    grads = torch.autograd.grad(loss, [y for _, y in maps])
    return [(x, y, grad) for (x, y), grad in zip(maps, grads)]


def rewards(net, path, other):
    """``<dL/dy, y_k - y_j>`` of each block."""
    return torch.stack(
        [
            (grad * (y - list(module.candidates())[j](x))).sum()
            for module, j, (x, y, grad) in zip(net.blocks, other, by_block(net, path))
        ]
    )[:, None]


def exact(net):
    """Gradient of the expected loss, by enumeration of all paths."""
    alpha = torch.tensor(ALPHA, dtype=torch.float64, requires_grad=True)
    expected = 0
    for path in itertools.product(range(3), repeat=3):
        p = (alpha.softmax(-1) * one_hot(path)).sum(-1).prod()
        expected = expected + p * loss_of(net, one_hot(path)).detach()
    return torch.autograd.grad(expected, alpha)[0]


def chance(path):
    return (PROBS * one_hot(path)).sum(-1).prod()


def close(found, wanted):
    assert wanted.abs().max() > 1e-3  # there is something to compare
    assert (found - wanted).abs().max() <= 1e-12


def test_the_score_function_is_exact_on_average(net):
    """With whatever baseline."""
    mutator, wanted = mutator_of(net), exact(net)
    for baseline in (0.0, 1.7):
        mean = 0
        for path in itertools.product(range(3), repeat=3):
            estimator = ScoreFunctionGradient().double()
            estimator.baseline.fill_(baseline)
            mean = mean + chance(path) * gradient(estimator, mutator, net, path)
        close(mean, wanted)


def test_the_baseline_is_the_moving_average_of_the_losses_before(net):
    mutator, estimator = mutator_of(net), ScoreFunctionGradient(momentum=0.75).double()
    paths = [(0, 0, 0), (1, 2, 0), (2, 2, 1), (0, 1, 2)]
    losses = [loss_of(net, one_hot(path)).item() for path in paths]
    baseline = losses[0]
    for path, loss in zip(paths, losses):
        found = gradient(estimator, mutator, net, path)
        wanted = (loss - baseline) * (one_hot(path) - PROBS)
        assert (found - wanted).abs().max() <= 1e-12
        baseline = 0.75 * baseline + 0.25 * loss
        assert abs(estimator.state_dict()['baseline'] - baseline) <= 1e-12
    no_number = dict(loss=torch.tensor(float('nan')))
    estimator(PathSample(mutator, all_paths(mutator)[0]), lambda: no_number)
    assert abs(estimator.baseline - baseline) <= 1e-12


@pytest.mark.slow
def test_pairs_are_exact_on_average(net):
    mutator, mean = mutator_of(net), 0
    paths = list(itertools.product(range(3), repeat=3))
    for path, other in itertools.product(paths, paths):
        found = gradient(PairedGradient(), mutator, net, path, other)
        mean = mean + chance(path) * chance(other) * found
    close(mean, exact(net))


def test_a_pair_leaves_loss_and_weights_gradient_alone(net):
    mutator = mutator_of(net)
    found = gradient(PairedGradient(), mutator, net, PATH, OTHER)
    got = {n: p.grad for n, p in net.named_parameters()}
    difference = loss_of(net, one_hot(PATH)) - loss_of(net, one_hot(OTHER))
    close(found, difference.detach() * (one_hot(PATH) - one_hot(OTHER)) / 2)
    net.zero_grad()
    loss_of(net, one_hot(PATH)).backward()
    for name, parameter in net.named_parameters():
        if got[name] is not None:
            assert (got[name] - parameter.grad).abs().max() <= 1e-14, name


def test_the_counterfactual_is_exact_on_average_where_the_loss_is_linear():
    ops = dict(
        a=Apply(lambda x: 2 * x), b=Apply(lambda x: x - 1), c=Apply(lambda x: x + x**2)
    )
    blocks = [block(tanh=ops['a'], sine=ops['b'], square=ops['c'])]
    net = ToyNet(blocks, stem=Layer(torch.tanh)).double()
    weights, (inputs, _) = torch.randn(6, dtype=torch.float64), batch()
    net.forward = lambda *args, mode: dict(loss=(net.features(inputs) @ weights).mean())
    mutator = prepared(net).double()
    set_alpha(mutator, ALPHA[0])
    mean = 0
    for k, j in itertools.product(range(3), repeat=2):
        found = gradient(CounterfactualGradient(), mutator, net, (k,), (j,))
        mean = mean + PROBS[0, k] * PROBS[0, j] * found
    x = net.stem(inputs).detach()
    loss = torch.stack([(op(x) @ weights).mean() for op in ops.values()])
    close(mean[0], PROBS[0] * (loss - (PROBS[0] * loss).sum()))


def soft_sample(net, tau, key):
    alpha = torch.tensor(ALPHA, dtype=torch.float64, requires_grad=True)
    path = {f'module_{i}': CHOICES[k] for i, k in enumerate(PATH)}
    noise = PathSample(mutator_of(net), path, key).gumbels()
    return alpha, ((alpha + noise) / tau).softmax(-1)


@pytest.mark.parametrize('progress, tau', [(0.0, 4.0), (0.5, 2.5)])
def test_gumbel_softmax_samples_by_their_formulas(net, progress, tau):
    key = (1, 2, 3)
    alpha, soft = soft_sample(net, tau, key)

    snas = SNASGradient(tau_start=4.0, tau_end=1.0)
    snas.progress = progress
    (wanted,) = torch.autograd.grad(loss_of(net, soft), alpha, retain_graph=True)
    close(gradient(snas, mutator_of(net), net, PATH, key=key), wanted)

    gdas = GDASGradient(tau_start=4.0, tau_end=1.0)
    gdas.progress = progress
    reward = torch.stack([(grad * y).sum() for _, y, grad in by_block(net, PATH)])
    chosen = (soft * one_hot(PATH)).sum(-1)
    (wanted,) = torch.autograd.grad((reward * chosen).sum(), alpha)
    close(gradient(gdas, mutator_of(net), net, PATH, key=key), wanted)


def test_the_temperature_is_at_its_ends_in_the_first_and_the_last_epoch():
    algorithm = algorithm_of(
        smooth_net(),
        pretrain_epochs=2,
        finetune_epochs=6,
        gradient_estimator=dict(type='SNASGradient', tau_start=4.0, tau_end=1.0),
    )
    draw = PathSample(algorithm.mutator, all_paths(algorithm.mutator)[0])
    spread = draw.log_probs + draw.gumbels()
    for epoch, tau in ((2, 4.0), (3, 3.0), (5, 1.0)):
        algorithm.begin(epoch=epoch)
        estimator = algorithm.gradient_estimator
        soft = estimator.soft_sample(draw)
        assert (soft - (spread / tau).softmax(-1)).abs().max() <= 1e-12


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_weights_of_a_mixture_get_exact_inner_products(dtype):
    """Whose summands cancel, in half precision."""
    torch.manual_seed(0)
    add = block(a=Apply(lambda x: x + 1), b=Apply(lambda x: 2 * x))
    x = torch.randn(32, 16, 8, 8, dtype=dtype)
    weights = torch.tensor([0.3, 0.7], requires_grad=True)
    grad = torch.randn_like(x)
    mixing_gate(weights, add, x).backward(grad)
    parts = torch.stack([x + 1, 2 * x]).double()
    wanted = (parts * grad.double()).sum((1, 2, 3, 4))
    assert (weights.grad - wanted).abs().max() <= 1e-5 * parts.norm() * grad.norm()


def test_losses_may_be_lists():
    """As mmengine allows; the first of them gets the score's gradient."""
    mutator = prepared(smooth_net()).double()
    path = all_paths(mutator)[4]
    given = dict(loss_a=[torch.tensor(1.0), torch.tensor(2.0)], acc=torch.tensor(9.0))
    estimator = ScoreFunctionGradient()
    estimator.baseline.fill_(1.0)
    losses = estimator(PathSample(mutator, path), lambda: given)
    assert [loss.item() for loss in losses['loss_a']] == [1.0, 2.0]
    sum(losses['loss_a']).backward()
    chosen = [mutator.choices(n).index(c) for n, c in path.items()]
    probs = torch.stack([a.detach().softmax(-1) for a in mutator.parameters()])
    found = torch.stack([a.grad for a in mutator.parameters()])
    close(found, (3.0 - 1.0) * (one_hot(chosen) - probs))


def normed(net):
    """Stem and candidates with BatchNorm, which the task's graph goes through."""

    def with_norm(op):
        return torch.nn.Sequential(op, torch.nn.BatchNorm1d(6))

    net.stem = with_norm(torch.nn.Identity())
    for module in net.blocks:
        for name in module.choices:
            module._candidates[name] = with_norm(module._candidates[name])
    return net.double()


@pytest.mark.parametrize(
    'estimator', [PairedGradient, CounterfactualGradient, ProxylessGradient]
)
def test_what_is_executed_aside_leaves_no_statistics(estimator):
    states = []
    for kind in (DSNASGradient, estimator):
        torch.manual_seed(0)
        net = normed(smooth_net())
        mutator = mutator_of(net)
        choices = dict(zip(mutator.search_groups, map(CHOICES.__getitem__, PATH)))
        mutator.set_choices(choices)
        draw = PathSample(mutator, choices)
        draw.other = lambda different=False: [0, 1, 2]
        kind()(draw, task_of(net))
        states.append(dict(net.named_buffers()))
    assert all(torch.equal(states[0][n], states[1][n]) for n in states[0])
    assert states[0]['stem.1.num_batches_tracked'] == 1


@pytest.mark.parametrize('estimator', [CounterfactualGradient, DARTSGradient])
def test_a_candidate_that_overwrites_its_input_is_refused(estimator):
    write = dict(fine=Apply(torch.tanh), writes=Apply(torch.relu_))
    net = ToyNet([block(**write)]).double()
    mutator = prepared(net).double()
    mutator.set_choices(dict(module_0='fine'))
    draw = PathSample(mutator, dict(module_0='fine'))
    draw.other = lambda different=False: [1]
    with pytest.raises(ConfigError, match="'writes' of a block must not work in place"):
        estimator()(draw, task_of(net))


def test_a_group_of_blocks_has_one_score():
    """Its probability counts once in that of the path, but it has two rewards."""
    torch.manual_seed(3)
    net = smooth_net('a', 'a')
    mutator = prepared(net).double()
    set_alpha(mutator, ALPHA[0])
    found = gradient(PairedGradient(), mutator, net, (1,), (0,))
    difference = loss_of(net, one_hot((1, 1))) - loss_of(net, one_hot((0, 0)))
    close(found, difference.detach() * (one_hot((1,)) - one_hot((0,))) / 2)
    estimator = CounterfactualGradient()
    found = gradient(estimator, mutator, net, (1,), (0,))
    both = rewards(net, (1, 1), (0, 0))
    close(found[0], both.sum() * (one_hot((1,)) - one_hot((0,)))[0] / 2)
    assert (estimator.block_rewards - both[:, 0]).abs().max() <= 1e-12


def packed(kind):
    """What candidates give, and the sum that the network makes of it."""
    if kind == 'tensor':
        return lambda y, z: y, lambda out: out
    if kind == 'tuple':
        return lambda y, z: (y, (z, None)), lambda out: out[0] + out[1][0].tanh()
    return lambda y, z: dict(y=y, rest=[z, 3]), lambda out: out['y'] + out['rest'][0]


class Joined(ToyNet):
    """Its blocks get two inputs, and more by names that gates have too."""

    def features(self, x):
        for op in self.blocks:
            x = self.unpack(self.called(op, x))
        return x

    @staticmethod
    def called(op, x):
        return op(x, skip=x.sigmoid(), score=0.5, block=x.cos())


@pytest.mark.parametrize('kind', ['tensor', 'tuple', 'dict'])
@pytest.mark.parametrize(
    'estimator',
    [
        DSNASGradient,
        CounterfactualGradient,
        ProxylessGradient,
        DARTSGradient,
        SNASGradient,
        GDASGradient,
        PairedGradient,
        ScoreFunctionGradient,
    ],
)
def test_blocks_of_several_inputs_and_outputs(estimator, kind):
    """As blocks of one input and one output that compute the same."""
    torch.manual_seed(3)
    pack, unpack = packed(kind)
    functions = (torch.tanh, torch.sin, lambda x: 0.5 * x * x + 1)
    net = Joined(
        [
            block(**{c: TwoInputs(f, pack) for c, f in zip(CHOICES, functions)})
            for _ in range(3)
        ]
    ).double()
    net.unpack = unpack
    found = gradient(estimator().double(), mutator_of(net), net, PATH, OTHER)
    parameters = dict(net.named_parameters())
    weights = {n: p.grad for n, p in parameters.items() if p.grad is not None}

    # The oracle: outputs times variables, plain autograd.
    inputs, labels = batch()
    net.zero_grad()
    x = inputs
    tau = 10.0 if estimator is GDASGradient else 1.0
    alpha, soft = soft_sample(net, tau, (0, 0, 0))
    mixes = {DARTSGradient: alpha.softmax(-1), SNASGradient: soft}
    rows = mixes.get(estimator, one_hot(PATH).requires_grad_())
    for module, row in zip(net.blocks, rows):
        outputs = [Joined.called(op, x) for op in module.candidates()]
        x = unpack(map_tensors(partial(_mixed, row), *outputs))
    loss = F.cross_entropy(net.head(x), labels)
    if estimator in mixes:
        loss.backward()
        close(found, alpha.grad)
    else:
        (reward,) = torch.autograd.grad(loss, rows, retain_graph=True)
        path, other = one_hot(PATH), one_hot(OTHER)
        taken = (reward * path).sum(-1, keepdim=True)
        compared = taken - (reward * other).sum(-1, keepdim=True)
        if estimator is DSNASGradient:
            close(found, taken * (path - PROBS))
        elif estimator is CounterfactualGradient:
            close(found, compared * (path - other) / 2)
        elif estimator is ProxylessGradient:
            p_k, p_j = (PROBS * path).sum(-1), (PROBS * other).sum(-1)
            q = (p_k / (p_k + p_j))[:, None]
            close(found, compared * q * (1 - q) * (path - other))
        elif estimator is GDASGradient:
            chosen = (taken[:, 0] * (soft * path).sum(-1)).sum()
            close(found, torch.autograd.grad(chosen, alpha)[0])
        loss.backward()
    for name, grad in weights.items():
        assert (grad - parameters[name].grad).abs().max() <= 1e-12, name


def _mixed(row, *outputs):
    return sum(weight * y for weight, y in zip(row, outputs))
