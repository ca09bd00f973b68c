"""Whatever a model notes while it is looked at is gone afterwards."""

import pytest
import torch
import torch.nn as nn
from mmengine.model import BaseModel

from mmdsnas.engine.evaluation import no_side_effects
from mmdsnas.errors import ConfigError
from mmdsnas.models.batch_norm import recalibrate
from mmdsnas.models.lazy import materialise
from mmdsnas.models.state import state_kept, untouched
from tests.toy import Apply, ToyNet, algorithm_of, smooth_block


class Noting(BaseModel):
    """Notes each forward in a buffer, another, one that is replaced, an attribute."""

    def __init__(self, last=None):
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm1d(6), nn.Dropout().eval()
        self.last = last or nn.Linear(6, 3)
        for name in ('added', 'replaced', 'missing'):
            value = None if name == 'missing' else torch.zeros(())
            self.register_buffer(name, value, persistent=False)
        self.noted = 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        self.added += 1
        self.replaced = self.replaced + 1
        self.missing = inputs
        self.noted += 1
        return self.last(self.dropout(self.norm(inputs.reshape(-1, 6))))


def noted(model):
    norm = [value.tolist() for value in model.norm.buffers()]
    modes = [module.training for module in model.modules()]
    return modes, norm, model.added.item(), model.replaced.item(), model.missing


def looks():
    x = torch.randn(4, 6)

    def by(context):
        def look(model):
            with context(model):
                model(x)

        return look

    def training(model):
        with no_side_effects(model, training=True):
            model(x)

    return dict(
        kept=by(state_kept),
        evaluation=by(no_side_effects),
        training=training,
        cost=by(untouched),
        lazy=lambda model: materialise(model, (4, 6), 'shape'),
    )


@pytest.mark.parametrize('kind', looks())
def test_nothing_is_left(kind):
    model = Noting(nn.LazyLinear(3) if kind == 'lazy' else None)
    added, replaced, before = model.added, model.replaced, noted(model)
    looks()[kind](model)
    assert noted(model) == before
    # The same tensors, which others may hold.
    assert model.added is added and model.replaced is replaced
    # What became of a lazy module stays.
    assert model.noted == (kind == 'lazy')
    assert model.last(torch.zeros(1, 6)).shape == (1, 3)


def test_a_failure_leaves_nothing_either():
    model = Noting(Apply(torch.linalg.inv))
    before = noted(model)
    for look in (looks()['kept'], lambda m: recalibrate(m, [torch.randn(4, 6)])):
        with pytest.raises((RuntimeError, TypeError)):
            look(model)
        assert noted(model) == before


def test_new_statistics_are_all_that_stays():
    model = Noting()
    model.norm.momentum = 0.3
    before = noted(model)
    recalibrate(model, [dict(inputs=torch.randn(4, 6)) for _ in range(3)])
    assert model.norm.num_batches_tracked == 3 and model.norm.momentum == 0.3
    assert noted(model)[:1] + noted(model)[2:] == before[:1] + before[2:]


@pytest.mark.parametrize('norm_training', [False, True])
def test_a_search_is_not_counted_by_its_costs(norm_training):
    net = ToyNet([smooth_block()], stem=Noting(nn.Identity()))
    algorithm = algorithm_of(net, norm_training=norm_training)
    found = noted(algorithm.architecture.stem)
    assert found == noted(Noting(nn.Identity()))
    with no_side_effects(algorithm):
        algorithm(torch.randn(4, 6), mode='tensor')
    assert noted(algorithm.architecture.stem) == found


@pytest.mark.parametrize('error', [TypeError, KeyError, AttributeError, OSError])
@pytest.mark.parametrize('kind', ['lazy', 'cost'])
def test_what_a_forward_raises_is_told(kind, error):
    def fail(x):
        raise error('reason')

    stem = [Apply(fail)] + [nn.LazyLinear(6)] * (kind == 'lazy')
    net = ToyNet([smooth_block()], stem=nn.Sequential(*stem))
    with pytest.raises(ConfigError, match=rf'shape.* {error.__name__}.*reason'):
        algorithm_of(net)
