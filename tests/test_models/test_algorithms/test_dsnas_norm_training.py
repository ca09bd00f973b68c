"""BatchNorm layers that stay in training mode where the search is evaluated."""

import pytest
import torch
import torch.nn as nn

from mmdsnas.models.batch_norm import batch_norms, recalibrate
from tests.toy import Apply, ToyNet, algorithm_of, batch, smooth_block


def search(norm_training, norm=nn.BatchNorm1d):
    torch.manual_seed(0)
    net = ToyNet(
        [smooth_block(), smooth_block()],
        # One image by itself has a dimension more.
        stem=nn.Sequential(Apply(lambda x: x.reshape(-1, 6)), norm(6)),
        tail=nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(0.5)),
    )
    return algorithm_of(net.double(), norm_training=norm_training)


def statistics(algorithm):
    return [layer.running_mean.clone() for layer in batch_norms(algorithm)]


@pytest.mark.parametrize('norm', [nn.BatchNorm1d, nn.SyncBatchNorm])
def test_only_the_layers_of_batch_norm_stay(norm):
    algorithm = search(True, norm)
    assert algorithm.eval() is algorithm and algorithm.train() is algorithm
    assert all(module.training for module in algorithm.modules())
    algorithm.eval()
    training = [module for module in algorithm.modules() if module.training]
    assert training == batch_norms(algorithm) and len(training) == 2
    # By itself the network is evaluated as usual.
    for network in (algorithm.architecture.eval(), search(False).eval()):
        assert not any(module.training for module in network.modules())


@pytest.mark.parametrize('norm_training', [False, True])
@pytest.mark.parametrize('mode', ['predict', 'tensor', 'loss'])
def test_an_evaluation_normalizes_by_its_batch(norm_training, mode):
    algorithm = search(norm_training).eval()
    inputs, labels = batch(num=8)
    before = statistics(algorithm)
    with torch.no_grad():
        found = algorithm(inputs * 3 + 1, labels, mode=mode)
    moved = [not torch.equal(a, b) for a, b in zip(before, statistics(algorithm))]
    assert moved == [norm_training] * 2

    # The child, whose layers are told by hand.
    net = search(False).architecture.eval()
    for op, choice in zip(net.blocks, algorithm.mutator.sample_choices().values()):
        op.current_choice = choice
    for layer in batch_norms(net):
        layer.train(norm_training)
    wanted = net(inputs * 3 + 1, labels, mode=mode)
    if mode == 'loss':
        found, wanted = found['task.loss'], wanted['loss']
    assert torch.equal(found, wanted)


def test_the_next_epoch_trains_as_usual():
    algorithm = search(True).eval()
    algorithm.train()
    assert all(module.training for module in algorithm.modules())
    assert torch.isfinite(algorithm.loss(*batch())['task.loss'])


@pytest.mark.parametrize('training', [False, True])
def test_statistics_computed_anew_are_the_same(training):
    """And the layers are in the mode afterwards in which they were."""
    images = [dict(inputs=batch(seed=seed)[0]) for seed in range(3)]
    found = []
    for norm_training in (False, True):
        algorithm = search(norm_training).train(training)
        modes = [module.training for module in algorithm.modules()]
        assert recalibrate(algorithm, [dict(b) for b in images]) == 2
        found.append(statistics(algorithm))
        assert [module.training for module in algorithm.modules()] == modes
    assert all(map(torch.equal, *found))


class Frozen(nn.BatchNorm1d):
    """As a backbone with ``norm_eval`` keeps its layers while it is trained."""

    def train(self, mode=True):
        return super().train(False)


def test_layers_that_are_frozen_in_training_stay_so():
    algorithm = search(True, Frozen)
    before = statistics(algorithm.train())
    algorithm.loss(*batch(num=8))
    moved = [not torch.equal(a, b) for a, b in zip(before, statistics(algorithm))]
    assert moved == [False, True]
