import copy

import pytest
import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.model import BaseModel

from mmdsnas.errors import ConfigError
from mmdsnas.models.lazy import lazy_modules, materialise
from mmdsnas.registry import MODELS
from mmdsnas.subnets import build_child, child_checkpoint, child_config, sub_model
from tests.toy import Apply, ToyNet, block, build, searching

SHAPE = (1, 2, 8, 8)
KINDS = ('both', 'head', 'none')


def candidate(kernel, lazy):
    conv, norm = nn.Conv2d(2, 3, kernel, padding=kernel // 2), nn.BatchNorm2d(3)
    if lazy:
        conv = nn.LazyConv2d(3, kernel, padding=kernel // 2)
        norm = nn.LazyBatchNorm2d()
    return nn.Sequential(conv, norm, nn.ReLU())


@MODELS.register_module()
class LazyNet(BaseModel):
    """Lazy candidates, and a lazy head behind the block, or none of them."""

    def __init__(self, kind, data_preprocessor=None):
        super().__init__(data_preprocessor)
        lazy = kind == 'both'
        self.block = block(k3=candidate(3, lazy), k5=candidate(5, lazy))
        self.head = nn.Linear(192, 3) if kind == 'none' else nn.LazyLinear(3)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        logits = self.head(self.block(inputs).flatten(1))
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(logits, data_samples))
        return logits


def config(kind):
    return dict(type='LazyNet', kind=kind)


def searched(kind):
    torch.manual_seed(0)
    return searching(build(config(kind)), resource_estimator=dict(input_shape=SHAPE))


def test_a_lazy_search_is_that_of_the_same_modules_with_their_sizes():
    """Same names, costs and steps; an optimizer and a copy know all parameters."""
    inputs, labels = torch.randn(4, *SHAPE[1:]), torch.tensor([0, 1, 2, 0])
    plain = searched('none')
    for kind in ('both', 'head'):
        lazy = searched(kind)
        assert lazy.training and lazy.architecture.block.current_choice is None
        assert lazy.cost_table == plain.cost_table
        assert list(lazy.state_dict()) == list(plain.state_dict())
        lazy.load_state_dict(plain.state_dict())
        steps = []
        for model in (copy.deepcopy(lazy), copy.deepcopy(plain)):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            model.loss(inputs, labels)['task.loss'].backward()
            optimizer.step()
            steps.append(model.state_dict())
        assert all(torch.equal(steps[0][name], steps[1][name]) for name in steps[1])


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('of', ['search', 'child'])
def test_the_child_is_built_from_its_file(kind, of):
    algorithm = searched(kind)
    whole = Config(
        dict(
            model=dict(
                type='mmdsnas.DSNAS',
                architecture=config(kind),
                resource_estimator=dict(input_shape=SHAPE),
            )
        )
    )
    if of == 'child':
        whole = Config(child_config(whole))
    child = build_child(whole, child_checkpoint(algorithm), 'subnet.pth')
    inputs = torch.randn(2, *SHAPE[1:])
    assert torch.equal(child(inputs), algorithm.eval()(inputs))


def test_a_child_alone_needs_the_shape():
    subnet = dict(block='k5')
    assert sub_model(config('none'), subnet).head.in_features == 192
    for shape in (None, (1, 2, 4)):
        with pytest.raises(ConfigError, match=r'model\.input_shape .* block\._cand'):
            sub_model(config('both'), subnet, input_shape=shape)
    child = sub_model(config('both'), subnet, input_shape=SHAPE)
    assert child.training and not lazy_modules(child)


def test_a_lazy_module_that_is_never_executed():
    net = ToyNet([nn.Linear(6, 6)])
    net.aside = nn.LazyLinear(2)
    with pytest.raises(ConfigError, match='aside'):
        materialise(net, (1, 6), 'input_shape')


def test_a_network_without_lazy_modules_is_not_executed():
    materialise(ToyNet([Apply(lambda x: 1 / 0)]), (1, 6), 'input_shape')


def test_weights_that_are_made_in_a_forward_are_refused():
    class Late(nn.Module):
        def forward(self, x):
            if not hasattr(self, 'scale'):
                self.scale = nn.Parameter(torch.ones(6))
            return x * self.scale

    with pytest.raises(ConfigError, match=r'blocks\.0\._candidates\.late\.scale'):
        searching(ToyNet([block(late=Late(), plain=nn.Linear(6, 6))]))
