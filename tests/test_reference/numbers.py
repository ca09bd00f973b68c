"""What a search computes where the authors' numbers are known, on any device."""

from typing import Any
from unittest import mock

import torch
from mmcls.structures import ClsDataSample
from mmengine.registry import DefaultScope
from torch import Tensor

from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.mutators import PathSample
from mmdsnas.registry import MODELS
from mmdsnas.subnets.official import official_names
from tests.test_reference.filling import REFERENCE, images

CONFIG = 'dsnas_official-supernet_8xb128_in1k'
Case = dict[str, Any]


def build_search() -> DSNAS:
    """The config of the authors' search, in float64."""
    # The numbers are of a supernet in which no block is fixed.
    config = load_config(CONFIG, {'model.mutator.fix_threshold': None})
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return MODELS.build(config.model).double()


def set_weights(algorithm: DSNAS, case: Case, weights: dict[str, Tensor]) -> None:
    """Puts the weights of a case into a search.

    Args:
        algorithm (DSNAS): From :func:`build_search`.
        case (dict): One of ``CASES``.
        weights (dict[str, Tensor]): From ``official_weights``.
    """
    names = official_names(algorithm.architecture)
    algorithm.architecture.load_state_dict({names[n]: weights[n] for n in names})
    alphas = algorithm.mutator.arch_params.values()
    with torch.no_grad():
        for alpha, row in zip(alphas, weights['log_alpha'], strict=True):
            alpha.copy_(row)
    algorithm.cost_term.weight = case['flops_loss_coef']


def path_of(algorithm: DSNAS, case: Case) -> dict[str, str]:
    """The sampled path of a case: candidate by group."""
    groups = algorithm.mutator.search_groups
    names = REFERENCE['candidate_names']
    return {g: names[k] for g, k in zip(groups, case['path'], strict=True)}


def logits(algorithm: DSNAS, case: Case) -> Tensor:
    """Those of the path, in eval mode."""
    algorithm.eval()
    algorithm.mutator.set_choices(path_of(algorithm, case))
    with torch.no_grad():
        return algorithm.architecture(_inputs(algorithm, case))


def training(algorithm: DSNAS, case: Case) -> dict[str, Tensor]:
    """Losses and gradients of a step, by the names that the case has them under."""
    mutator, architecture = algorithm.mutator, algorithm.architecture
    path, inputs = path_of(algorithm, case), _inputs(algorithm, case)
    algorithm.train()
    algorithm.begin(epoch=0)
    algorithm.zero_grad()
    samples = [ClsDataSample().set_gt_label(label) for label in case['labels']]
    samples = [sample.to(inputs.device) for sample in samples]
    with mock.patch.object(mutator, 'draw_path', lambda *_: path):
        losses = algorithm(inputs, samples, mode='loss')

    def alpha_grad() -> Tensor:
        return torch.stack([alpha.grad for alpha in mutator.arch_params.values()])

    found = dict(train_loss=losses['task.loss'].detach())
    draw = PathSample(mutator, path)
    found['log_prob_sum'] = draw.log_prob(draw.chosen).sum().detach()
    losses['task.loss'].backward()
    found['block_reward'] = algorithm.gradient_estimator.block_rewards
    found['log_alpha_grad'] = alpha_grad()
    for layer, key in (
        (architecture.head.fc, 'classifier'),
        (architecture.backbone.conv1.conv, 'first_conv'),
    ):
        found[f'{key}_weight_grad_abs_sum'] = layer.weight.grad.abs().sum()
    # It is a constant below the limit.
    if losses['cost.loss'].requires_grad:
        losses['cost.loss'].backward()
    found['log_alpha_grad_with_flops_loss'] = alpha_grad()
    return found


def _inputs(algorithm: DSNAS, case: Case) -> Tensor:
    like = algorithm.architecture.head.fc.weight
    return images(case).to(like)
