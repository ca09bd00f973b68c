"""The weights of a network as those of its blocks' candidates."""

from dataclasses import dataclass
from typing import Any, Mapping

import torch.nn as nn
from torch import Tensor

from mmdsnas.errors import CheckpointError
from .mutables import ElasticMutableOP
from .mutables.weight_parts import part_index
from .pretrained import is_initialized
from .weights import add_counters, differences, shortened


@dataclass(frozen=True)
class BlockWeights:
    """The weights of an inverted residual block, and where its middle channels are.

    Attributes:
        like (dict[str, Tensor]): By name; of the device ``meta``, without values.
        middle (dict[str, int]): The dimension of the middle channels by name, of those
            that have them; none where these cannot be sorted.
        project (str): Name of the weight of the projecting convolution.
    """

    like: dict[str, Tensor]
    middle: dict[str, int]
    project: str

    def sorted(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights with the important middle channels first.

        What the block computes stays. The importance of a channel is the sum of the
        absolute weights that project it (Cai et al. 2020, section 3.3).
        """
        if not self.middle:
            return dict(weights)
        importance = weights[self.project].abs().sum((0, 2, 3))
        order = importance.argsort(descending=True, stable=True)
        return {
            name: weight.index_select(self.middle[name], order)
            if name in self.middle
            else weight
            for name, weight in weights.items()
        }


def share_out(
    blocks: Mapping[str, BlockWeights],
    network: nn.Module,
    state_dict: dict[str, Any],
    prefix: str,
) -> None:
    """Turns the weights of a network as it was into those of its candidates.

    Weights of a search or of a child are left alone. The candidates may be those that
    a child is left with.

    Args:
        blocks (Mapping[str, BlockWeights]): Of the network as it was, by name.
        network (nn.Module): The network; these blocks of it are ``ElasticMutableOP``.
        state_dict (dict): What is loaded; it is changed.
        prefix (str): What the names of the network start with in it.

    Raises:
        CheckpointError: They are of another network, or ``init_cfg`` has none of it.
    """
    plain = {name: _given(state_dict, f'{prefix}{name}.') for name in blocks}
    is_plain = any(plain.values())
    if not is_plain and not is_initialized(network):
        return
    wrong, own = [], network.state_dict()
    for name, layout in blocks.items() if is_plain else ():
        add_counters(layout.like, plain[name])
        unfit = differences(layout.like, plain[name])
        wrong += [f'{name}.{reason}' for reason in unfit]
        own = {k: w for k, w in own.items() if not k.startswith(f'{name}.')}
    # What is left over outside of the blocks may be of a head.
    rest = {k: state_dict[prefix + k] for k in own if prefix + k in state_dict}
    if not is_plain and not rest:
        wrong = [_nothing_of(next(iter(own)), state_dict, prefix)]
    else:
        add_counters(own, rest)
        wrong += differences(own, rest)
    if wrong:
        raise CheckpointError(
            'init_cfg and load_from must give elastic_blocks the weights of the same '
            f'{type(network).__name__}, but {shortened(wrong)}.'
        )
    for name, given in plain.items() if is_plain else ():
        for key in given:
            state_dict.pop(f'{prefix}{name}.{key}', None)
        op, weights = network.get_submodule(name), blocks[name].sorted(given)
        state_dict.update(_by_candidate(op, weights, f'{prefix}{name}.'))


def _given(state_dict: Mapping[str, Any], head: str) -> dict[str, Any]:
    return {
        key[len(head) :]: value
        for key, value in state_dict.items()
        if key.startswith(head) and not key.startswith(f'{head}_candidates.')
    }


def _by_candidate(
    op: ElasticMutableOP, weights: Mapping[str, Tensor], head: str
) -> dict[str, Tensor]:
    return {
        f'{head}_candidates.{choice}.{key}': weights[key][
            part_index(weights[key].shape, own.shape)
        ]
        for choice in op.choices
        for key, own in op.candidate(choice).state_dict().items()
    }


def _nothing_of(key: str, state_dict: Mapping[str, Any], prefix: str) -> str:
    found = next((name for name in state_dict if name.endswith(f'.{key}')), None)
    if found is not None:
        return f'{found} needs init_cfg.prefix={found.removesuffix(key)!r}'
    return f'the checkpoint has none of them, such as {prefix}{key}'
