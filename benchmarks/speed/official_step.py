"""(d) The formulation of the authors' code, written anew for the comparison.

See DSNAS/network.py and DSNAS/train_imagenet.py of SNAS-Series/SNAS-Series: the feature
maps are multiplied by one-hot variables, the log-probability of the path has a backward
pass with that of the loss, ``alpha``'s gradient is multiplied by the variables' one,
and gradients are set to zero rather than removed, so that weight decay and momentum
move every candidate in every step.
"""

from functools import partial
from typing import Any, Callable, Sequence

import torch
from mmengine.optim import build_optim_wrapper
from torch import Tensor, nn
from torch.distributions import OneHotCategorical

from mmdsnas.models import DSNAS
from mmdsnas.models.gradient_estimators.base import total_loss
from mmdsnas.models.mutables import OneHotMutableOP, blocks_of, map_tensors
from mmdsnas.registry import MODELS
from .variants import Path, classes_of, plain_optimizer
from .workload import Workload, plain_dict, supernet_of


class OfficialStep:
    """One iteration of the authors' training loop.

    Args:
        workload (Workload): What is searched; every block has as many candidates.
        search (DSNAS): Gives the first weights and ``alpha``.
        paths (list[dict[str, str]]): Of the rounds in turn.
    """

    def __init__(self, workload: Workload, search: DSNAS, paths: list[Path]) -> None:
        config = workload.load()
        architecture = supernet_of(config)
        self.net = MODELS.build(architecture).to(workload.device).train()
        self.net.load_state_dict(search.architecture.state_dict())
        self.blocks = list(blocks_of(self.net).values())
        rows = [alpha.detach() for alpha in search.mutator.arch_params.values()]
        self.alpha = nn.Parameter(torch.stack(rows).to(workload.device))
        self.optimizer = plain_optimizer(workload, config, self.net)
        options = plain_dict(config, 'optim_wrapper', 'mutator')
        options['type'] = 'mmengine.OptimWrapper'
        holder = nn.ParameterList([self.alpha])
        self.alpha_optimizer = build_optim_wrapper(holder, options)
        for parameter in self.net.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.paths = [list(path.values()) for path in paths]
        self.data = workload.batch(classes_of(workload))

    def prepare(self, index: int) -> None:
        """The path is given with the step."""

    def run(self, index: int) -> dict[str, Tensor]:
        """One iteration."""
        path = self.paths[index % len(self.paths)]
        with self.optimizer.optim_context(self.net):
            data = self.net.data_preprocessor(self.data, True)

            def task() -> dict[str, Tensor]:
                return self.net(**data, mode='loss')

            losses, backward = official_losses(self.blocks, path, self.alpha, task)
        backward()
        for optimizer in (self.optimizer, self.alpha_optimizer):
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        return losses


def official_losses(
    blocks: Sequence[OneHotMutableOP],
    path: Sequence[str],
    alpha: Tensor,
    task: Callable[[], dict[str, Tensor]],
) -> tuple:
    """Forward pass of the authors' code.

    Args:
        blocks (Sequence[OneHotMutableOP]): The searched blocks.
        path (Sequence[str]): Candidate of each; the drawn one is not used.
        alpha (Tensor): Shape ``(num_blocks, num_choices)``.
        task (callable): Executes the supernet and returns its losses.

    Returns:
        tuple: The losses, and a callable that fills all gradients.
    """
    probs = alpha.softmax(-1)
    one_hot = OneHotCategorical(probs=probs).sample()
    chosen = [block.choices.index(c) for block, c in zip(blocks, path, strict=True)]
    index = torch.tensor(chosen, device=alpha.device)[:, None]
    one_hot = torch.zeros_like(one_hot).scatter_(1, index, 1.0)
    log_prob = (one_hot * probs).sum(-1).log().sum()
    one_hot.requires_grad_()
    for i, (block, choice) in enumerate(zip(blocks, path)):
        # Without a current choice a block executes all.
        block.current_choice = choice
        block.gate = partial(multiplied, one_hot=one_hot, row=i)
    try:
        losses = task()
    finally:
        for block in blocks:
            block.gate = None
    loss = total_loss(losses)

    def backward() -> None:
        (loss + log_prob).backward()
        alpha.grad.mul_(one_hot.grad.sum(-1, keepdim=True))

    return losses, backward


def multiplied(block: OneHotMutableOP, x: Any, one_hot: Tensor, row: int) -> Any:
    """A block's output: that of the one-hot row's candidate times its variable.

    Args:
        block (OneHotMutableOP): The block.
        x (Any): Its input.
        one_hot (Tensor): Shape ``(num_blocks, num_choices)``.
        row (int): The block's row.
    """
    k = (one_hot[row] == 1).nonzero().item()
    y = block.execute(block.choices[k], x)
    return map_tensors(lambda part: part * one_hot[row, k], y)
