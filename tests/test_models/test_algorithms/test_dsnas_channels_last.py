"""Channels last in memory: other strides, the same search."""

import pytest
import torch
import torch.nn as nn
from mmcls.structures import ClsDataSample

import mmdsnas.engine  # noqa: F401
from mmdsnas.models import DSNAS
from mmdsnas.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmdsnas.subnets import sub_model
from mmdsnas.subnets.subnet import subnet_of_path
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
    algorithm.begin(epoch=0)
    algorithm.begin(iteration=0, seed=0)
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


@pytest.mark.slow
def test_a_checkpoint_keeps_the_layout():
    algorithm, other = search(True), search(False)
    algorithm.load_state_dict(other.state_dict())
    assert lie_with_channels_last(algorithm)
    other.load_state_dict(algorithm.state_dict())
    assert not lie_with_channels_last(other)


def test_a_child_can_have_it_too():
    algorithm = search(False)
    assert not lie_with_channels_last(algorithm)
    subnet = subnet_of_path(algorithm, algorithm.mutator.derive_child())
    assert lie_with_channels_last(
        sub_model(small_shufflenet(), subnet, channels_last=True)
    )
    assert not lie_with_channels_last(sub_model(small_shufflenet(), subnet))


def trained(algorithm, optimizers, iterations):
    for iteration in iterations:
        algorithm.begin(iteration=iteration, seed=0)
        optimizers.update_params(
            algorithm.parse_losses(algorithm.loss(BATCH, SAMPLES))[0]
        )


def optimizers_of(algorithm):
    sgd = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.1))
    return OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='SearchOptimWrapperConstructor',
            optim_wrapper_cfg=dict(architecture=sgd, mutator=sgd),
        )
    )(algorithm)


def test_what_goes_on_from_a_file_is_bit_for_bit_the_same(tmp_path):
    whole = search(True)
    optimizers = optimizers_of(whole)
    trained(whole, optimizers, range(2))
    file = tmp_path / 'both.pth'
    torch.save(dict(model=whole.state_dict(), optim=optimizers.state_dict()), file)
    trained(whole, optimizers, range(2, 5))
    resumed = search(True)
    optimizers = optimizers_of(resumed)
    saved = torch.load(file, weights_only=True)
    resumed.load_state_dict(saved['model'])
    optimizers.load_state_dict(saved['optim'])
    trained(resumed, optimizers, range(2, 5))
    expected = whole.state_dict()
    assert all(
        torch.equal(value, expected[name])
        for name, value in resumed.state_dict().items()
    )
    assert not torch.equal(
        expected['architecture.head.fc.weight'],
        saved['model']['architecture.head.fc.weight'],
    )
