import logging

import pytest
import torch.nn as nn
from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor

from mmdsnas.engine import GroupedOptimWrapperConstructor, SearchOptimWrapperConstructor
from tests.toy import algorithm_of, batch, smooth_net

SGD = dict(optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=4e-5))
PARAMWISE = dict(
    norm_decay_mult=0.0, bias_lr_mult=2.0, custom_keys={'first': dict(lr_mult=0.1)}
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.rest = nn.Sequential(
            nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2)
        )


def options_of(optimizer):
    """Options of every parameter."""
    return {
        id(p): {key: value for key, value in group.items() if key != 'params'}
        for group in optimizer.param_groups
        for p in group['params']
    }


@pytest.mark.parametrize('paramwise', [None, {}, PARAMWISE])
def test_every_parameter_has_the_options_that_mmengine_gives_it(paramwise):
    net = Net()
    built = [
        constructor(dict(SGD), paramwise)(net).optimizer
        for constructor in (
            DefaultOptimWrapperConstructor,
            GroupedOptimWrapperConstructor,
        )
    ]
    theirs, ours = map(options_of, built)
    assert ours == theirs
    assert len(theirs) == len(list(net.parameters()))


def test_one_group_for_each_set_of_options():
    """The first convolution, other weights, other biases, BatchNorm."""
    optimizer = GroupedOptimWrapperConstructor(dict(SGD), PARAMWISE)(Net()).optimizer
    sizes = [len(group['params']) for group in optimizer.param_groups]
    assert sorted(sizes) == [2, 2, 2, 4]


def test_no_line_in_the_log_for_every_parameter():
    logger = MMLogger.get_instance('grouped', log_level='INFO')
    MMLogger._instance_dict['grouped'] = logger
    lines = []
    logger.addFilter(lambda record: lines.append(record.getMessage()) or True)
    GroupedOptimWrapperConstructor(dict(SGD), PARAMWISE)(Net())
    assert not [line for line in lines if 'paramwise_options' in line]
    assert logger.level == logging.NOTSET


def test_weights_of_a_search_are_grouped():
    algorithm = algorithm_of(smooth_net())
    wrappers = SearchOptimWrapperConstructor(
        dict(
            architecture=dict(SGD, paramwise_cfg=dict(bias_decay_mult=0.0)),
            mutator=dict(optimizer=dict(type='Adam', lr=1e-3)),
        )
    )(algorithm)
    groups = wrappers['architecture'].optimizer.param_groups
    decay = [group['weight_decay'] for group in groups]
    assert sorted(decay) == [0.0, 4e-5]
    inputs, labels = batch()
    algorithm.begin(epoch=0)
    before = [p.clone() for p in algorithm.mutator.parameters()]
    loss = sum(algorithm.loss(inputs, labels).values())
    wrappers.update_params(loss)
    after = list(algorithm.mutator.parameters())
    assert all((a != b).any() for a, b in zip(after, before, strict=True))
