import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmdsnas.errors import ConfigError
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.mutables.in_place import overwritten_blocks
from tests.toy import (
    Apply,
    Layer,
    ToyNet,
    batch,
    block,
    build,
    searching,
    small_mobilenet,
    small_shufflenet,
    smooth_block,
    smooth_net,
)


def overwritten(net, shape=(2, 6)):
    dtype = next(net.parameters()).dtype
    return overwritten_blocks(net.eval(), torch.ones(shape, dtype=dtype))


def in_place_net():
    return smooth_net(None, None, tail=nn.ReLU(inplace=True))


class AddsOne(ToyNet):
    """Its own forward changes the output of the block."""

    def features(self, x):
        x = self.blocks[0](x)
        x += 1
        return x


# What is found


def test_a_module_behind_a_block():
    assert overwritten(in_place_net()) == ['blocks.1']


def test_a_write_through_a_view():
    tail = Apply(lambda x: x.view(-1, 2).add_(1).view(x.shape))
    assert overwritten(smooth_net(None, tail=tail)) == ['blocks.0']


def test_a_function_in_the_forward_of_the_parent():
    assert overwritten(AddsOne([smooth_block()]).double()) == ['blocks.0']


@pytest.mark.parametrize('order', [('a', 'b', 'c'), ('b', 'c', 'a'), ('c', 'a', 'b')])
def test_a_candidate_of_the_next_block_whichever_is_sampled(order):
    candidates = dict(
        a=nn.Sequential(nn.ReLU(inplace=True), Layer(torch.tanh)),
        b=Layer(torch.sin),
        c=Layer(torch.tanh),
    )
    second = block(**{name: candidates[name] for name in order})
    net = ToyNet([smooth_block(), second]).double()
    for op in net.blocks:
        op.current_choice = op.choices[-1]
    assert overwritten(net) == ['blocks.0']
    assert [op.current_choice for op in net.blocks] == ['square', order[-1]]


def test_several_outputs():
    class Net(ToyNet):
        def features(self, x):
            first, second = self.blocks[0](x)
            return first + second.mul_(2)

    net = Net([block(a=Apply(lambda x: (x + 1, x + 2)))]).double()
    assert overwritten(net) == ['blocks.0']


# What is not found


def in_place(last):
    return nn.Sequential(nn.ReLU(inplace=True), last)


@pytest.mark.parametrize(
    'net',
    [
        smooth_net(),
        # A candidate's own operations, and those of its neighbours on their input.
        ToyNet(
            [block(a=in_place(nn.Linear(6, 6)), b=Layer(torch.tanh)), smooth_block()]
        ),
        ToyNet([block(skip=nn.Identity(), layer=in_place(Layer(torch.tanh)))]),
    ],
)
def test_nothing_that_overwrites_an_output(net):
    net.stem = nn.Linear(6, 6)
    assert overwritten(net.double()) == []


@pytest.mark.slow
@pytest.mark.parametrize('config', [small_shufflenet(), small_mobilenet()])
def test_nothing_in_the_backbones_of_mmrazor(config):
    """They hold many modules that work in place, none on a block's output."""
    net = build(config)
    assert any(getattr(module, 'inplace', False) for module in net.modules())
    assert overwritten(net, (2, 3, 32, 32)) == []
    searching(net, resource_estimator=dict(input_shape=(1, 3, 32, 32)))
    assert not any(b.copy_output for b in blocks_of(net).values())


def test_the_model_is_left_as_it_was():
    net = in_place_net()
    net.blocks[0].current_choice = 'sine'
    net.blocks[1].current_choice = 'tanh'
    hooks = [dict(module._forward_hooks) for module in net.modules()]
    overwritten(net)
    assert [dict(module._forward_hooks) for module in net.modules()] == hooks
    assert [op.current_choice for op in net.blocks[:2]] == ['sine', 'tanh']


# What the algorithm makes of it


def rewards(net):
    algorithm = searching(net)
    algorithm.loss(*batch())['task.loss'].backward()
    return algorithm.gradient_estimator.block_rewards


def adds_one_net():
    return AddsOne([smooth_block()]).double()


@pytest.mark.parametrize('make', [in_place_net, adds_one_net])
def test_the_algorithm_copies_where_it_has_to(make, logged):
    torch.manual_seed(0)
    algorithm = searching(make())
    *others, last = algorithm.architecture.blocks
    assert last.copy_output and not any(op.copy_output for op in others)
    (sentence,) = [r.getMessage() for r in logged if 'in place' in r.getMessage()]
    assert f'block blocks.{len(others)}' in sentence
    algorithm.loss(*batch())['task.loss'].backward()
    assert algorithm.gradient_estimator.block_rewards.abs().min() > 0


def test_the_gradients_are_those_of_the_model_that_does_not_work_in_place():
    found = []
    for inplace in (True, False):
        torch.manual_seed(0)
        net = smooth_net(None, None, tail=nn.ReLU(inplace=inplace))
        found.append(rewards(net))
    assert torch.equal(*found)


class DropsInPlace(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5, self.training, inplace=True)


@pytest.mark.parametrize('tail', [DropsInPlace(), nn.Dropout(0.5, inplace=True)])
def test_what_works_in_place_in_training_only(tail):
    assert rewards(smooth_net(None, tail=tail)) is not None


def test_a_candidate_that_hands_on_its_input_which_is_changed_later():
    class Residual(ToyNet):
        def features(self, x):
            x = self.stem(x)
            y = self.blocks[0](x)
            x += y
            return F.relu(x)

    net = Residual(
        [block(skip=nn.Identity(), twice=Apply(lambda x: 2 * x))], stem=nn.Linear(6, 6)
    )
    algorithm = searching(net.double())
    for iteration in range(8):
        algorithm.begin(iteration=iteration, seed=0)
        algorithm.loss(*batch())['task.loss'].backward()


def test_a_module_that_refuses_one_image_in_training_only(capsys):
    """It is then looked at in evaluation mode."""

    class Picky(nn.Module):
        def forward(self, x):
            assert not self.training or len(x) > 1
            return F.relu(x, inplace=True)

    assert rewards(smooth_net(None, tail=Picky())) is not None


@pytest.mark.parametrize('output', [object(), (torch.ones(1), object()), None, [3]])
def test_outputs_that_no_gate_can_take(output):
    class Net(ToyNet):
        def features(self, x):
            self.blocks[0](x)
            return x

    net = Net([block(odd=Apply(lambda x: output), even=Apply(lambda x: output))])
    with pytest.raises(ConfigError, match=r'blocks\.0\._candidates\.odd'):
        searching(net)
