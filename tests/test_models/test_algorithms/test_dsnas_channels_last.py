"""Channels last in memory: other strides, the same search."""

import torch
import torch.nn as nn
from mmcls.structures import ClsDataSample

from mmdsnas.models import DSNAS
from mmdsnas.structures import sub_model
from mmdsnas.structures.subnet import subnet_of_path
from tests.toy import build, small_shufflenet

SAMPLES = [ClsDataSample().set_gt_label(k) for k in range(4)]
BATCH = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)).double()


def search(channels_last):
    torch.manual_seed(0)
    algorithm = DSNAS(
        build(small_shufflenet()),
        resource_estimator=dict(input_shape=(1, 3, 32, 32)),
        channels_last=channels_last,
    ).double()
    # The authors' eps, so that rewards are more than rounding.
    for module in algorithm.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.01
    algorithm.begin_epoch(0)
    algorithm.begin_iteration(0, 0)
    return algorithm.train()


def lie_with_channels_last(model):
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert convs
    return all(
        conv.weight.is_contiguous(memory_format=torch.channels_last) for conv in convs
    )


def test_weights_and_feature_maps_have_channels_last():
    seen = []
    algorithm = search(True)
    for module in algorithm.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, args, y: seen.append(y))
    algorithm.mutator.set_choices(algorithm.mutator.derive_child())
    algorithm.architecture(BATCH)
    assert lie_with_channels_last(algorithm)
    assert all(y.is_contiguous(memory_format=torch.channels_last) for y in seen)


def test_default_leaves_the_layout_alone():
    assert not lie_with_channels_last(search(False))


def test_losses_and_gradients_are_the_same():
    found = []
    for algorithm in (search(False), search(True)):
        losses = algorithm.loss(BATCH, SAMPLES)
        algorithm.parse_losses(losses)[0].backward()
        found.append((losses['task.loss'], dict(algorithm.named_parameters())))
    (loss, wanted), (loss_last, last) = found
    torch.testing.assert_close(loss_last, loss, rtol=1e-12, atol=0)
    alphas = [name for name in wanted if name.startswith('mutator')]
    assert alphas and all(wanted[name].grad.abs().max() > 1e-6 for name in alphas)
    for name, parameter in wanted.items():
        if parameter.grad is None:
            assert last[name].grad is None
        else:
            torch.testing.assert_close(
                last[name].grad, parameter.grad, rtol=1e-8, atol=1e-12
            )


def test_a_checkpoint_keeps_the_layout():
    algorithm, other = search(True), search(False)
    algorithm.load_state_dict(other.state_dict())
    assert lie_with_channels_last(algorithm)
    other.load_state_dict(algorithm.state_dict())
    assert not lie_with_channels_last(other)


def test_a_child_can_have_it_too():
    algorithm = search(False)
    path = algorithm.mutator.derive_child()
    subnet = subnet_of_path(
        algorithm.architecture, algorithm.mutator.search_groups, path
    )
    assert lie_with_channels_last(
        sub_model(small_shufflenet(), subnet, channels_last=True)
    )
    assert not lie_with_channels_last(sub_model(small_shufflenet(), subnet))
