"""The numbers of a search that its logs show."""

import math
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.cost import EXPECTED, expected_cost
from mmdsnas.models.mutators import functional as F


def searched_blocks(algorithm: DSNAS) -> List[str]:
    """Names of the blocks still searched, in the order of their rewards."""
    groups = algorithm.cost_table.groups
    return [block for name in algorithm.mutator.free for block in groups[name]]


@torch.no_grad()
def search_numbers(
    algorithm: DSNAS, before: Tensor, rewards: Optional[Tensor] = None
) -> Tuple[Dict[str, float], Dict[str, float]]:
    """Reads all numbers of one log back from the device at once.

    Args:
        algorithm (DSNAS): After the step of an iteration.
        before (Tensor): The mutator's ``probs()`` before it.
        rewards (Tensor, optional): Of the blocks still searched, in this
            iteration.

    Returns:
        tuple[dict[str, float], dict[str, float]]: Of the search as a whole:
        ``expected_mflops`` and ``sampled_mflops`` (both of the whole network),
        ``entropy`` (mean over the groups, nats) and ``fixed_blocks`` (how many
        blocks are fixed); of limits also ``expected_mparams``, ``expected_ms`` and
        their ``multiplier_<measure>``. By block: ``entropy/<block>``, ``kl/<block>``
        (how far the step went, nats), ``reward/<block>`` where it is finite, and
        ``total_entropy`` (sum over the groups).
    """
    table, mutator = algorithm.cost_table, algorithm.mutator
    probs = mutator.probs()
    parts = [
        expected_cost(probs, algorithm.cost_term.costs)[None],
        F.entropy(probs),
        F.kl(before, probs),
        probs.new_empty(0) if rewards is None else rewards,
        *_of_limits(algorithm, probs),
    ]
    # Split on the host, where it was copied to in one go.
    together = torch.cat([part.double() for part in parts]).cpu()
    split = together.split([len(part) for part in parts])
    (expected,), entropy, kl, reward, multipliers, means = (
        part.tolist() for part in split
    )
    state = {
        'expected_mflops': table.fixed_part.flops + expected,
        'sampled_mflops': table.cost(mutator.current_choices).flops,
        'entropy': sum(entropy) / len(entropy),
        'fixed_blocks': len(table.blocks) - len(mutator.free_blocks),
    }
    limits = algorithm.cost_term.limits
    state.update({f'multiplier_{m}': v for m, v in zip(limits, multipliers)})
    for measure, mean in zip(limits, means):
        state[EXPECTED[measure]] = getattr(table.fixed_part, measure) + mean
    by_block = {'total_entropy': sum(entropy)}
    for blocks, h, divergence in zip(table.groups.values(), entropy, kl):
        for block in blocks:
            by_block[f'entropy/{block}'] = h
            by_block[f'kl/{block}'] = divergence
    for block, r in zip(searched_blocks(algorithm), reward):
        if math.isfinite(r):
            by_block[f'reward/{block}'] = r
    return state, by_block


@torch.no_grad()
def probabilities(algorithm: DSNAS) -> Dict[str, float]:
    """``prob/<block>/<candidate>`` of every candidate; 0 and 1 in a fixed block.

    Args:
        algorithm (DSNAS): At any time.
    """
    mutator, groups = algorithm.mutator, algorithm.cost_table.groups
    return {
        f'prob/{block}/{choice}': value
        for (name, blocks), row in zip(groups.items(), mutator.probs().tolist())
        for block in blocks
        for choice, value in zip(mutator.choices(name), row)
    }


def _of_limits(algorithm: DSNAS, probs: Tensor) -> List[Tensor]:
    """The multipliers, and the mean costs of the searched part, by limit."""
    term, none = algorithm.cost_term, probs.new_empty(0)
    means = [
        expected_cost(probs, algorithm.cost_table.matrix(m).to(probs))
        for m in term.limits
    ]
    return [
        none if term.multipliers is None else term.multipliers.values,
        torch.stack(means) if means else none,
    ]
