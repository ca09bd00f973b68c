from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
from mmcls.structures import ClsDataSample

from mmdsnas.errors import ConfigError
from mmdsnas.models.algorithms.soft_labels import SoftLabels, logits_among, outputs_of
from tests.small_choice import SIZE, algorithm_of
from tests.toy_run import same

DIGEST = torch.arange(32, dtype=torch.uint8)


def samples(*places):
    return [SimpleNamespace(sample_idx=place) for place in places]


@pytest.mark.parametrize('tau, weight', [(1.0, 1.0), (3.0, 0.5)])
def test_the_loss_by_hand(tau, weight):
    """``tau**2 * KL(labels || outputs)``, by the place of each image; their mean."""
    generator = torch.Generator().manual_seed(0)
    labels, outputs = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    soft = SoftLabels(dict(tau=tau, loss_weight=weight)).double()
    soft.set(labels, DIGEST)
    places = [4, 0, 4]
    outputs = outputs[:3].requires_grad_()
    p, q = (labels[places] / tau).softmax(-1), (outputs / tau).softmax(-1)
    wanted = weight * tau**2 * (p * (p / q).log()).sum() / 3
    found = soft(outputs, samples(*places))
    assert found.item() == pytest.approx(wanted.item(), abs=1e-12)
    (grad,) = torch.autograd.grad(found, outputs)
    # That of a softmax with temperature.
    torch.testing.assert_close(grad, weight * tau * (q - p).detach() / 3)


def test_outputs_of_another_type():
    soft = SoftLabels({})
    soft.set(torch.zeros(2, 3), DIGEST)
    outputs = torch.zeros(1, 3, dtype=torch.bfloat16)
    loss = soft(outputs, samples(1))
    assert loss.item() == 0 and loss.dtype is torch.float32


def test_they_are_kept_whatever_their_number():
    soft, other = SoftLabels({}), SoftLabels({})
    labels = torch.randn(4, 3, requires_grad=True)
    soft.set(labels, DIGEST)
    with torch.no_grad():
        labels.zero_()
    assert soft.logits.abs().sum() > 0 and not soft.logits.requires_grad
    for source in (soft, SoftLabels({})):
        state = {k: v.clone() for k, v in source.state_dict().items()}
        other.load_state_dict(state)
        assert same(dict(other.state_dict()), state)
    assert list(soft.state_dict()) == ['logits', 'images']
    assert len(other.logits) == len(other.images) == 0
    # A state without any leaves them.
    soft.load_state_dict({}, strict=False)
    assert len(soft.logits) == 4 and torch.equal(soft.images, DIGEST)


def test_outputs_are_noted_while_it_is_open():
    net = nn.Identity()
    with outputs_of(net) as seen:
        net(1)
        net(2)
    net(3)
    assert seen == [1, 2]
    with pytest.raises(KeyError), outputs_of(net):
        raise KeyError
    assert not net._forward_hooks


def learning(places):
    """A child in its training, and a batch of images that say these places."""
    torch.manual_seed(0)
    algorithm = algorithm_of(distillation=dict(tau=2.0)).train()
    labels = 3 * torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    algorithm.soft_labels.set(labels, DIGEST)
    algorithm.begin(epoch=1)
    samples = [
        ClsDataSample(metainfo=dict(sample_idx=place)).set_gt_label(place % 3)
        for place in places
    ]
    return algorithm, labels, (torch.randn(4, 3, SIZE, SIZE), samples)


def test_an_image_learns_the_label_of_its_place():
    """Whatever its place in the batch."""
    places = [5, 0, 7, 2]
    algorithm, labels, images = learning(places)
    found = algorithm.loss(*images)['distillation.loss']
    # In training mode, too, by the statistics of the batch.
    logits = algorithm.architecture(images[0], mode='tensor')
    teacher = (labels[places] / 2).softmax(-1)
    gap = teacher.log() - (logits / 2).log_softmax(-1)
    wanted = 4 * (teacher * gap).sum() / len(places)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_head_that_is_not_called():
    algorithm, _, images = learning([0, 1, 2, 3])
    head = algorithm.head
    head.loss = lambda feats, samples: dict(loss=head.fc(feats[-1]).sum())
    with pytest.raises(ConfigError, match=r'^model\.distillation .* is not called\.$'):
        algorithm.loss(*images)


@pytest.mark.parametrize(
    'returned, message', [((1, 2), 'returns tuple'), (torch.ones(4), r'returns \(4,\)')]
)
def test_what_is_no_logits(returned, message):
    with pytest.raises(ConfigError, match=message):
        logits_among([torch.ones(4, 3), returned])
