from functools import partial
from typing import Annotated, Any, Callable, Iterable, Mapping

import torch
import torch.nn as nn
from mmrazor.models.mutables import OneShotMutableOP
from mmrazor.models.mutables.mutable_module import DiffMutableModule
from pydantic import Field
from torch import Tensor
from torch.distributions import Categorical

from mmdsnas.errors import ConfigError, NoChoiceError, SubnetError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import Text, checked_options
from .functional import gate
from .outputs import map_tensors

Candidates = Annotated[nn.ModuleDict | dict[str, nn.Module | dict], Field(min_length=1)]
# Takes the block and its inputs.
Gate = Callable[..., Any]


@MODELS.register_module()
class OneHotMutableOP(OneShotMutableOP, DiffMutableModule):
    """A block of a single-path supernet: several candidates, one executed.

    A search fixes blocks by ``DifferentiableMutator.fix``: all candidates stay in the
    state dict, so that optimizer, EMA, model wrapper and checkpoints keep their view of
    the model. :meth:`fix_chosen`, which ``load_fix_subnet`` and with it ``sub_model``
    and every export call, removes the others for good; ``is_fixed`` tells of it.

    It has the contracts of MMRazor's one-shot mutables (choices, subnet export) and of
    its differentiable ones (``arch_param``). MMRazor's own ``OneHotMutableOP`` draws
    and fixes inside the forward pass and multiplies the feature map.

    Args:
        candidates (dict[str, dict] | nn.ModuleDict): Candidate operations, or their
            configs, by name, of which all give outputs of one shape.
        module_kwargs (dict, optional): Arguments that every candidate config
            gets, e.g. ``in_channels``; searchable backbones pass them.
        alias (str, optional): Name in subnet files; blocks that share it form one
            search group.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.

    Attributes:
        gate (callable, optional): Executes the block in place of its current choice:
            takes the block and its inputs, and returns its output. A gradient
            estimator puts it there for one forward pass, ``set_forward_args`` for all.
        copy_output (bool): Whether gate and block get copies of their own, because
            something works in place on the candidate's output.

    Raises:
        ConfigError: There is no candidate, or one cannot be built.

    Examples:
        >>> op = OneHotMutableOP(nn.ModuleDict(dict(
        ...     a=nn.Identity(), b=nn.Tanh())))
        >>> op.current_choice = 'b'
        >>> op(torch.zeros(1))
        tensor([0.])
    """

    @checked_options
    def __init__(
        self,
        candidates: Candidates,
        module_kwargs: dict | None = None,
        alias: Text | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(candidates, module_kwargs, alias, init_cfg)
        self.gate: Gate | None = None
        self.copy_output = False

    @staticmethod
    def _build_ops(
        candidates: dict[str, dict], module_kwargs: dict | None = None
    ) -> nn.ModuleDict:
        # MMRazor's writes module_kwargs into configs that blocks share.
        built = nn.ModuleDict()
        for name, config in candidates.items():
            try:
                built[name] = MODELS.build({**config, **(module_kwargs or {})})
            except (KeyError, TypeError, ValueError, AssertionError) as error:
                reason = str(error).strip('"')
                raise ConfigError(
                    f'candidate {name!r} of a OneHotMutableOP cannot be built from '
                    f'{config} with {module_kwargs}: {reason}'
                ) from error
        return built

    def candidates(self) -> Iterable[nn.Module]:
        """The candidate operations, in the order of ``choices``."""
        return self._candidates.values()

    def candidate(self, choice: str) -> nn.Module:
        """A candidate operation by its name."""
        return self._candidates[choice]

    def parameters_of(self, choice: str) -> list[nn.Parameter]:
        """The parameters that executing a candidate reads."""
        return list(self._candidates[choice].parameters())

    def shared_weights(
        self, choice: str, state_dict: Mapping[str, Tensor], prefix: str
    ) -> dict[str, Tensor]:
        """Weights of a candidate that stand in a state dict under another one's name.

        Args:
            choice (str): The candidate.
            state_dict (Mapping[str, Tensor]): Of the supernet.
            prefix (str): What the names of this block start with.

        Returns:
            dict[str, Tensor]: By the candidate's own names; here there are none.
        """
        return {}

    def forward(
        self, *args: Any, arch_param: Tensor | None = None, **kwargs: Any
    ) -> Any:
        """Executes one candidate: the gate's, else the current choice.

        With an ``arch_param`` one is drawn instead, see ``forward_arch_param``; with
        nothing of these all are executed, which serves cost counters only.
        """
        if self.is_fixed:
            return self._candidates[self._chosen](*args, **kwargs)
        execute = self.gate if arch_param is None else self._drawing(arch_param)
        if execute is not None:
            y = execute(self, *args, **kwargs)
            return map_tensors(torch.clone, y) if self.copy_output else y
        if self.current_choice is None:
            return self.forward_all(*args, **kwargs)
        return self._candidates[self.current_choice](*args, **kwargs)

    def set_forward_args(self, arch_param: nn.Parameter) -> None:
        """Lets every forward pass draw a candidate, until a mutator takes over.

        For a block that is used without an algorithm; see ``forward_arch_param``.
        """
        self.gate = self._drawing(arch_param)

    def forward_arch_param(
        self, x: Any, arch_param: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        """Draws a candidate, by torch's random numbers, and executes it.

        In the backward pass ``arch_param``, shape ``(num_choices, )``, gets the paper's
        gradient, ``<dL/dy, y> * (onehot - p)``. MMRazor's gets none there.

        Raises:
            ConfigError: ``arch_param`` has another shape.
        """
        return self(x, *args, arch_param=arch_param, **kwargs)

    def _drawing(self, arch_param: Tensor) -> Gate:
        if arch_param.shape != (self.num_choices,):
            raise ConfigError(
                'arch_param must have one number for each of '
                f'{", ".join(self.choices)}, but its shape is '
                f'{tuple(arch_param.shape)}.'
            )
        return partial(_draw_and_execute, arch_param)

    def execute(self, choice: str, /, *args: Any, **kwargs: Any) -> Any:
        """Executes a candidate for a gate; a copy where ``copy_output`` is set."""
        y = self._candidates[choice](*args, **kwargs)
        return map_tensors(torch.clone, y) if self.copy_output else y

    def forward_all(self, *args: Any, **kwargs: Any) -> Any:
        """Executes all candidates and returns the output of the last.

        MMRazor's adds the outputs, which fails for lists and tuples.
        """
        for candidate in self._candidates.values():
            y = candidate(*args, **kwargs)
        return y

    def fix_chosen(self, chosen: str) -> None:
        """Removes all candidates but ``chosen``; cannot be undone.

        Raises:
            SubnetError: There is no such candidate.
            AttributeError: It was called before.
        """
        if not self.is_fixed and chosen not in self._candidates:
            raise SubnetError(
                f'{chosen!r} is not a candidate of this block, which has '
                f'{", ".join(self.choices)}.'
            )
        super().fix_chosen(chosen)
        self.gate = None
        self.current_choice = chosen

    def export_chosen(self) -> str:
        """The candidate for a subnet file; ``NoChoiceError`` if there is none."""
        choice = self._chosen if self.is_fixed else self.current_choice
        if choice is None:
            raise NoChoiceError(
                'a block has no current choice to export; set one for every '
                'block first, e.g. by mutator.set_choices(child).'
            )
        return choice

    def sample_choice(self, arch_param: Tensor | None = None) -> str:
        """The most probable candidate, see MMRazor's differentiable mutables.

        Without ``arch_param`` the draw is uniform, as in its one-shot mutables.
        """
        if arch_param is None:
            return super().sample_choice()
        return self.choices[int(arch_param.argmax())]


def one_hot_gate(
    choice: str, score: Tensor, block: OneHotMutableOP, /, *args: Any, **kwargs: Any
) -> Any:
    """Executes one candidate; its score gets the paper's reward ``<dL/dy, y>``."""
    y = block.execute(choice, *args, **kwargs)
    return map_tensors(partial(gate, score=score), y)


def _draw_and_execute(
    arch_param: Tensor, block: OneHotMutableOP, /, *args: Any, **kwargs: Any
) -> Any:
    distribution = Categorical(logits=arch_param)
    index = distribution.sample()
    choice, score = block.choices[int(index)], distribution.log_prob(index)
    return one_hot_gate(choice, score, block, *args, **kwargs)
