"""The numbers of a search that its logs show."""

import math
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.cost import COSTS, expected_cost
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
        rewards (Tensor, optional): Of the blocks still searched, in it.

    Returns:
        tuple[dict[str, float], dict[str, float]]: Of the search as a whole:
        ``expected_mflops`` and ``sampled_mflops`` (both of the whole network),
        ``entropy`` (mean over the groups, nats) and ``fixed_blocks`` (how many
        blocks are fixed); of limits also the mean cost, see ``COSTS``, and
        ``multiplier_<cost>``. By block: ``entropy/<block>``, ``kl/<block>``
        (how far the step went, nats), ``reward/<block>`` where it is finite, and
        ``total_entropy`` (sum over the groups).
    """
    table, mutator = algorithm.cost_table, algorithm.mutator
    term, probs = algorithm.cost_term, mutator.probs()
    names, none = list(dict.fromkeys(('flops', *term.limits))), probs.new_empty(0)
    parts = [
        torch.stack([expected_cost(probs, table.matrix(n).to(probs)) for n in names]),
        F.entropy(probs),
        F.kl(before, probs),
        none if rewards is None else rewards,
        none if term.multipliers is None else term.multipliers.values,
    ]
    # Split on the host, where it was copied to in one go.
    together = torch.cat([part.double() for part in parts]).cpu()
    split = together.split([len(part) for part in parts])
    means, entropy, kl, reward, multipliers = (part.tolist() for part in split)
    state = {
        **{COSTS[n].expected: table.fixed_part[n] + m for n, m in zip(names, means)},
        'sampled_mflops': table.cost(mutator.current_choices)['flops'],
        'entropy': sum(entropy) / len(entropy),
        'fixed_blocks': len(table.blocks) - len(mutator.free_blocks),
    }
    state.update({f'multiplier_{n}': v for n, v in zip(term.limits, multipliers)})
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
    """``prob/<block>/<candidate>`` of every candidate; 0 and 1 in a fixed block."""
    mutator, groups = algorithm.mutator, algorithm.cost_table.groups
    return {
        f'prob/{block}/{choice}': value
        for (name, blocks), row in zip(groups.items(), mutator.probs().tolist())
        for block in blocks
        for choice, value in zip(mutator.choices(name), row)
    }
