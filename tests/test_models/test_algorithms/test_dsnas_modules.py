"""Candidates that are more than plain layers: searched, rebuilt and exported."""

import warnings

import pytest
import torch
import torch.nn as nn
from mmcls.structures import ClsDataSample
from mmengine.model import BaseModel, ExponentialMovingAverage
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from mmdsnas.deployment import Images, export_child
from mmdsnas.models.weights import load_weights
from mmdsnas.registry import MODELS
from mmdsnas.subnets import child_checkpoint, sub_model
from tests.toy import Apply, Cut, Standardised, block, build, searching

SHAPE, WIDTH = (1, 3, 4, 4), 4


class Stateful(nn.Module):
    """Keeps what it computed, and has a buffer that no file has."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(WIDTH, WIDTH, 1), []
        self.register_buffer('shift', torch.ones(WIDTH, 1, 1), persistent=False)

    def forward(self, x):
        self.last = [self.conv(x)]
        return self.last[0] + self.shift


def normed(make, conv=nn.Conv2d):
    """A convolution, changed, before its BatchNorm."""

    def candidate(kernel):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # torch's first ones are deprecated
            layer = make(conv(WIDTH, WIDTH, kernel, padding=kernel // 2))
        return nn.Sequential(layer, nn.BatchNorm2d(WIDTH))

    return lambda: block(k3=candidate(3), k5=candidate(5))


def attention():
    heads = (1, 2)
    return block(
        **{f'h{h}': nn.MultiheadAttention(WIDTH, h, batch_first=True) for h in heads}
    )


def recurrent():
    kinds = dict(gru=nn.GRU, rnn=nn.RNN)
    return block(**{n: k(WIDTH, WIDTH, batch_first=True) for n, k in kinds.items()})


def encoder():
    options = dict(d_model=WIDTH, nhead=2, dim_feedforward=8, batch_first=True)
    return block(
        **{
            f'f{first:d}': nn.TransformerEncoderLayer(norm_first=first, **options)
            for first in (False, True)
        }
    )


def on_map(op, x):
    return op(x).mean((2, 3))


def on_tokens(op, x):
    out = op(x.flatten(2).transpose(1, 2))
    return (out[0] if isinstance(out, tuple) else out).mean(1)


def attended(op, x):
    tokens = x.flatten(2).transpose(1, 2)
    return op(query=tokens, key=tokens, value=tokens, need_weights=False)[0].mean(1)


def same(layer):
    return layer


CASES = dict(
    standardised=(normed(same, Standardised), on_map),
    cut=(normed(same, Cut), on_map),
    weight_norm=(normed(parametrizations.weight_norm), on_map),
    spectral_norm=(normed(parametrizations.spectral_norm), on_map),
    orthogonal=(normed(parametrizations.orthogonal), on_map),
    first_weight_norm=(normed(weight_norm), on_map),
    first_spectral_norm=(normed(spectral_norm), on_map),
    attention=(attention, attended),
    recurrent=(recurrent, on_tokens),
    encoder=(encoder, on_tokens),
    stateful=(lambda: block(a=Stateful(), b=Apply(torch.sin)), on_map),
)


@MODELS.register_module()
class OfModules(BaseModel):
    def __init__(self, case):
        super().__init__(dict(type='mmcls.ClsDataPreprocessor'))
        make, self.execute = CASES[case]
        self.stem, self.block = nn.Conv2d(3, WIDTH, 1), make()
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        logits = self.head(self.execute(self.block, self.stem(inputs)))
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(logits, data_samples))
        return logits


def searched(case, estimator):
    """A search of a few steps, with a moving average."""
    torch.manual_seed(0)
    algorithm = searching(
        build(dict(type='OfModules', case=case)),
        resource_estimator=dict(input_shape=SHAPE),
        gradient_estimator=dict(type=estimator),
    )
    names, average = list(algorithm.state_dict()), ExponentialMovingAverage(algorithm)
    optimizer = torch.optim.SGD(algorithm.parameters(), lr=0.01)
    inputs, labels = torch.randn(4, *SHAPE[1:]), torch.tensor([0, 1, 2, 0])
    moved = torch.zeros(())
    for iteration in range(4):
        algorithm.begin(iteration=iteration, seed=0)
        optimizer.zero_grad()
        algorithm.loss(inputs, labels)['task.loss'].backward()
        grads = [a.grad for a in algorithm.mutator.parameters()]
        moved += sum(grad.abs().sum() for grad in grads if grad is not None)
        optimizer.step()
        average.update_parameters(algorithm)
    assert moved > 0 and list(algorithm.state_dict()) == names
    return algorithm


def child_of(case, algorithm):
    checkpoint = child_checkpoint(algorithm)
    child = sub_model(dict(type='OfModules', case=case), checkpoint['meta']['subnet'])
    load_weights(child, checkpoint, 'subnet.pth')
    return child.eval()


@pytest.mark.parametrize('estimator', ['CounterfactualGradient', 'DARTSGradient'])
@pytest.mark.parametrize('case', CASES)
def test_they_are_searched_and_the_child_is_that_of_the_search(case, estimator):
    algorithm = searched(case, estimator).eval()
    inputs = torch.randn(2, *SHAPE[1:])
    with torch.no_grad():
        wanted = algorithm(inputs)
        torch.testing.assert_close(child_of(case, algorithm)(inputs), wanted)


@pytest.mark.parametrize('case', ['cut', 'first_weight_norm', 'attention'])
def test_the_child_is_exported(case, tmp_path):
    images = Images(
        [
            dict(
                inputs=torch.randint(256, SHAPE[1:], dtype=torch.uint8),
                data_samples=ClsDataSample().set_gt_label(0),
            )
            for _ in range(4)
        ]
    )
    child = child_of(case, searched(case, 'DSNASGradient'))
    result = export_child(child, images, tmp_path / 'child.pt2', format='pt2')
    assert result.folded == 0 and result.left == (case != 'attention')
    assert result.file.exists()
