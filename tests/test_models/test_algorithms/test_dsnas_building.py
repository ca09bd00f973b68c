"""What is built, what is refused, and what building leaves alone."""

import copy
import random
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.models import (
    DSNAS,
    DifferentiableMutator,
    GateEstimator,
)
from mmdsnas.models.mutables import blocks_of
from mmdsnas.registry import MODELS, TASK_UTILS
from tests.toy import (
    ToyNet,
    algorithm_of,
    batch,
    build,
    explicit_gates,
    searching,
    small_shufflenet,
    smooth_block,
    smooth_net,
)


def test_it_is_built_from_a_config():
    algorithm = MODELS.build(
        dict(
            type='mmdsnas.DSNAS',
            architecture=small_shufflenet(),
            mutator=dict(type='DifferentiableMutator', fix_threshold=0.3),
            pretrain_epochs=1,
            finetune_epochs=2,
            resource_estimator=dict(input_shape=(1, 3, 32, 32)),
            cost=dict(limit=1.0, form='sampled'),
        )
    )
    assert isinstance(algorithm, DSNAS)
    assert isinstance(algorithm.mutator, DifferentiableMutator)
    assert algorithm.mutator.fix_threshold == 0.3
    assert algorithm.cost_term.form == 'sampled'
    assert len(algorithm.cost_table.groups) == 4
    # That of the architecture, so that a batch is prepared once.
    assert algorithm.data_preprocessor is algorithm.architecture.data_preprocessor
    assert {'architecture', 'mutator'} <= set(dict(algorithm.named_children()))
    assert not any('cost' in key for key in algorithm.state_dict())


def test_a_gradient_estimator_can_be_given():
    @TASK_UTILS.register_module(force=True)
    class Twice(GateEstimator):
        def gates(self, draw):
            scores = self.keep_rewards(draw.log_prob(draw.chosen))

            def gate(block, x, score):
                y = block.execute(block.current_choice, x)
                return y * (2 * (score - score.detach())).exp()

            return [partial(gate, score=score) for score in scores]

    algorithm = searching(smooth_net(), gradient_estimator=dict(type='Twice'))
    algorithm.loss(*batch())['task.loss'].backward()
    path = list(algorithm.mutator.current_choices.values())
    _, rewards, _ = explicit_gates(algorithm.architecture, path, *batch())
    found = algorithm.gradient_estimator.block_rewards
    assert (found - 2 * rewards).abs().max() <= 1e-12


@pytest.mark.parametrize(
    ('epochs', 'match'),
    [
        ((5, 3), 'pretrain stage comes before.*pretrain_epochs is 5.*epochs is 3'),
        (
            (-1, 3),
            'pretrain_epochs of DSNAS must be at least 0, but is -1',
        ),
        (
            (0, -2),
            'finetune_epochs of DSNAS must be at least 0, but is -2',
        ),
        ((0.5, 3), r'pretrain_epochs of .* a whole number.*but is 0\.5'),
        (('1', 3), "pretrain_epochs of .* a whole number.*but is '1'"),
        ((0, None), 'finetune_epochs of .* a whole number.*but is None'),
    ],
)
def test_stages_that_make_no_sense(epochs, match):
    with pytest.raises(ConfigError, match=match):
        DSNAS(smooth_net(), pretrain_epochs=epochs[0], finetune_epochs=epochs[1])


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(cost=dict(form='mean')), "^cost.form .*but is 'mean'"),
        (dict(cost=dict(limts=1.0)), "CostTerm has no option 'limts' .nearest"),
        (dict(cost=dict(limit=1e-9)), r'cost\.limit.*cheapest path'),
        (dict(mutator=dict(custom_groups=[[]])), r'custom_groups\.0 .* at least 1'),
        (dict(resource_estimator=dict(input_shape=(3, 32, 32))), 'input_shape'),
        (dict(resource_estimator=dict(input_shape=(1, 1, 7))), r'\(1, 1, 7\).*fails'),
    ],
)
def test_options_of_the_parts_are_checked(options, match):
    with pytest.raises(ConfigError, match=match):
        algorithm_of(smooth_net(), **options)


def small_search(net):
    return DSNAS(net, resource_estimator=dict(input_shape=(1, 3, 32, 32)))


def test_building_leaves_the_supernet_as_it_was():
    torch.manual_seed(0)
    net = build(small_shufflenet()).train()
    net(torch.randn(4, 3, 32, 32))
    net.backbone.layers[1].eval()
    state = copy.deepcopy(net.state_dict())
    modes = [module.training for module in net.modules()]
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()]
    algorithm = small_search(net)
    assert all(map(torch.equal, net.state_dict().values(), state.values()))
    assert [module.training for module in net.modules()] == modes
    assert hooks == [
        len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()
    ]
    assert all(op.current_choice is None for op in blocks_of(algorithm).values())
    assert all(p.grad is None for p in net.parameters())


def test_building_leaves_the_random_numbers_alone():
    """But for the draw of alpha."""
    net = ToyNet([smooth_block()], tail=nn.Dropout(0.5))
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    torch.empty(3).normal_()
    wanted = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    torch.manual_seed(0)
    algorithm_of(net)
    assert torch.equal(torch.get_rng_state(), wanted[0])
    assert np.random.get_state()[1].tolist() == wanted[1]
    assert random.getstate() == wanted[2]
