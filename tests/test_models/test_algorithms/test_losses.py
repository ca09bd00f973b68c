"""What an architecture may return as its losses, and what is refused."""

import pytest
import torch
import torch.nn.functional as F

from mmdsnas.errors import ConfigError
from mmdsnas.models.algorithms import stages
from tests.toy import (
    ToyNet,
    algorithm_of,
    batch,
    searching,
    smooth_block,
    smooth_net,
)


class Net(ToyNet):
    """Returns of the cross entropy what it is told to."""

    def __init__(self, make):
        super().__init__([smooth_block()])
        self.make = make
        self.double()

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode != 'loss':
            return super().forward(inputs, data_samples, mode)
        scores = super().forward(inputs)
        return self.make(F.cross_entropy(scores, data_samples, reduction='none'))


def loss_of(make, estimator='DSNASGradient', **kwargs):
    algorithm = searching(
        Net(make), gradient_estimator=dict(type=f'mmdsnas.{estimator}'), **kwargs
    )
    loss, _ = algorithm.parse_losses(algorithm.train().loss(*batch()))
    loss.backward()
    return algorithm


@pytest.mark.parametrize(
    'make, said',
    [
        (lambda x: dict(cross_entropy=x.mean(), accuracy=x.mean()), ['cross_entropy']),
        (lambda x: {}, ['loss']),
        (lambda x: x.mean(), ['torch.float64']),
        (lambda x: [x.mean()], ['list']),
        (lambda x: None, ['NoneType']),
        (lambda x: dict(loss=x.mean().item()), ["'loss'", 'float']),
        (lambda x: dict(loss=x.mean(), part=None), ["'part'", 'NoneType']),
        (lambda x: dict(loss_a=[x.mean(), 1]), ["'loss_a'", 'list', 'int']),
        (lambda x: dict(loss_a=[]), ["'loss_a'", 'list']),
        (lambda x: dict(loss_a=(x.mean(),)), ["'loss_a'", "('torch"]),
        (lambda x: dict(loss=x.mean(), hits=(x > 1).sum()), ["'hits'", 'int64']),
        (lambda x: dict(loss_a=x.mean().detach()), ['gradient', 'loss_a']),
        (lambda x: dict(loss_a=[x.detach()], a=x.mean()), ['gradient', "['loss_a']"]),
    ],
)
@pytest.mark.parametrize('cost', [None, dict(limit=1e9)])
def test_one_sentence_says_what_is_wrong(make, said, cost):
    """Also where the cost's loss would be one that mmengine finds."""
    with pytest.raises(ConfigError) as error:
        loss_of(make, cost=cost)
    text = str(error.value)
    assert 'model.architecture' in text and '\n' not in text
    assert all(part in text for part in said), text


@pytest.mark.parametrize('estimator', ['DSNASGradient', 'PairedGradient'])
@pytest.mark.parametrize(
    'make',
    [
        lambda x: dict(loss=x),
        lambda x: dict(loss_parts=[x.mean() / 2, x / 2], hits=(x > 1).double()),
        lambda x: dict(my_loss=x.mean(), other=x.mean().detach()),
    ],
)
def test_what_mmengine_adds_up_is_trained_on(make, estimator):
    torch.manual_seed(0)
    algorithm = loss_of(make, estimator)
    torch.manual_seed(0)
    plain = loss_of(lambda x: dict(loss=x.mean()), estimator)
    for own, other in zip(algorithm.parameters(), plain.parameters(), strict=True):
        assert (own.grad is None) == (other.grad is None)
        if own.grad is not None:
            assert torch.allclose(own.grad, other.grad)


def test_an_evaluation_needs_no_gradient():
    algorithm = searching(Net(lambda x: dict(loss=x.mean().detach()))).eval()
    assert not algorithm.loss(*batch())['task.loss'].requires_grad


def test_losses_are_looked_at_once_in_a_stage(monkeypatch):
    seen = []
    monkeypatch.setattr(stages, 'check_losses', lambda _, trains: seen.append(trains))
    algorithm = algorithm_of(smooth_net(), pretrain_epochs=1, finetune_epochs=2)
    for epoch, looks in ((0, 1), (0, 0), (1, 1), (2, 1), (3, 0), (0, 1)):
        algorithm.begin(epoch=epoch)
        with torch.no_grad():
            algorithm.loss(*batch())  # says nothing of gradients
        seen.clear()
        for _ in range(2):
            algorithm.loss(*batch())
        assert seen == [True] * looks
