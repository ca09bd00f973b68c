import numpy as np
import pytest
import torch

from mmdsnas.models import DSNASGradient
from mmdsnas.models.mutators import PathSample
from mmdsnas.registry import TASK_UTILS
from tests.toy import (
    all_paths,
    batch,
    explicit_gates,
    prepared,
    searching,
    set_alpha,
    smooth_net,
    task_of,
)

ALPHA = ([0.5, -0.4, 0.2], [-0.3, 0.6, 0.0], [0.1, -0.8, 0.4])
PROBS = np.exp(ALPHA) / np.exp(ALPHA).sum(1, keepdims=True)
CHOICES = ('tanh', 'sine', 'square')
PATHS = [(a, b, c) for a in CHOICES for b in CHOICES for c in CHOICES]


def supernet():
    torch.manual_seed(3)
    net = smooth_net()
    with torch.no_grad():  # rewards of a good size
        net.head.weight.mul_(3)
    return net


def one_hot(path):
    return np.array([[c == choice for c in CHOICES] for choice in path], float)


def test_it_is_registered():
    assert isinstance(
        TASK_UTILS.build(dict(type='mmdsnas.DSNASGradient')), DSNASGradient
    )


@pytest.mark.parametrize('path', PATHS, ids='-'.join)
def test_all_gradients_equal_those_of_explicit_gates(path):
    net = supernet()
    mutator = prepared(net).double()
    set_alpha(mutator, *ALPHA)
    choice = dict(zip(mutator.search_groups, path, strict=True))
    mutator.set_choices(choice)
    loss = DSNASGradient()(PathSample(mutator, choice), task_of(net))['loss']
    loss.backward()

    wanted_loss, rewards, weights = explicit_gates(net, path, *batch())
    assert torch.equal(loss, wanted_loss)
    wanted = rewards.numpy()[:, None] * (one_hot(path) - PROBS)
    found = torch.stack([alpha.grad for alpha in mutator.parameters()]).numpy()
    assert np.abs(found - wanted).max() <= 1e-12
    assert np.abs(wanted).max() > 1e-2  # there is something to compare
    for name, parameter in net.named_parameters():
        if weights[name] is None:  # of a candidate that was not executed
            assert parameter.grad is None
        else:
            assert torch.equal(parameter.grad, weights[name]), name


@pytest.fixture(scope='module')
def sampled():
    """The alpha gradients of many iterations of the algorithm.

    Returns:
        tuple: Gradients of shape (iterations, 3, 3), and the exact mean: the
        sum over the 27 paths of probability times explicit gradient.
    """
    num, seed = 20000, 11
    net = supernet()
    algorithm = searching(net)
    mutator = algorithm.mutator
    set_alpha(mutator, *ALPHA)
    inputs, labels = batch()

    exact = np.zeros((3, 3))
    for path in PATHS:
        _, rewards, _ = explicit_gates(net, path, inputs, labels)
        draws = one_hot(path)
        exact += (
            (PROBS * draws).sum(1).prod() * rewards.numpy()[:, None] * (draws - PROBS)
        )

    gradients, seen = [], {}
    for iteration in range(num):
        path = tuple(mutator.draw_path(seed, iteration, 0).values())
        # The gradient is a function of the path, alpha and batch alone.
        if path not in seen:
            algorithm.zero_grad()
            algorithm.begin(iteration=iteration, seed=seed)
            algorithm.loss(inputs, labels)['task.loss'].backward()
            assert tuple(mutator.current_choices.values()) == path
            alphas = [alpha.grad.clone() for alpha in mutator.parameters()]
            seen[path] = torch.stack(alphas).numpy()
        gradients.append(seen[path])
    assert len(seen) == len(PATHS) == len(all_paths(mutator))
    return np.stack(gradients), exact


@pytest.mark.slow
def test_the_mean_of_sampled_gradients_is_the_exact_gradient(sampled):
    gradients, exact = sampled
    standard_error = gradients.std(0, ddof=1) / np.sqrt(len(gradients))
    assert (np.abs(gradients.mean(0) - exact) / standard_error).max() <= 4.5
    # The error bar is short enough to mean something.
    assert standard_error.max() <= 0.05 * np.abs(exact).max()
