from typing import Any, Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmdsnas.errors import ConfigError
from ..cost import (
    Amounts,
    CostTable,
    ResourceEstimator,
    in_words,
    limits_of_networks,
    loosest_first,
    split_limits,
    terms_by_size,
    tighter_sums,
)
from ..lazy import weights_all_there
from ..mutators.most_probable import ConstrainedArgmax
from .stages import StagedAlgorithm


class LimitedAlgorithm(StagedAlgorithm):
    """A search whose child is within limits, for images of one size or of several.

    A limit is one for all sizes. Costs are those for images of ``input_size``; the
    pretrain stage of ``pretrain_path='first'`` takes images as they come.

    Attributes:
        limits (list): What ``cost`` has as limits of children, each as it is given, the
            loosest first, which is that of this search and of its child.
        input_sizes (list[int]): Edges of the child's images that leave a path within
            the limits, the largest first; empty where there is no choice.
        edge (int): Edge of the images as they come.
        whole_cost (dict[str, float]): What the path of first candidates costs then.
        cost_range (tuple[float, float]): The least and the most MFLOPs of a path, at
            any of the sizes, within the limits or not.
        cost_table, cost_term, resource_estimator: For images of the size that the
            child has now.
    """

    def set_up_costs(
        self,
        estimator: ResourceEstimator,
        cost: Mapping[str, Any],
        sizes: Sequence[int],
    ) -> None:
        """Measures the search space, and gives the mutator its limits.

        Raises:
            ConfigError: No path is within the limits of a child, whatever the size, or
                those of several children cannot be put into an order.
        """
        # Of images as they come.
        height, self.edge = estimator.input_shape[-2:]
        edge = self.edge
        if sizes and not max(sizes) == height == edge:
            raise ConfigError(
                'the largest of model.input_sizes must be height and width of '
                f'resource_estimator.input_shape, which are {height} and {edge}, but '
                f'they are {list(sizes)}.'
            )
        measured: dict[int, tuple[ResourceEstimator, CostTable]] = {}
        for size in sorted({edge, *sizes}, reverse=True):
            own = estimator if size == edge else estimator.for_size(size)
            with weights_all_there(self.architecture):
                groups = self.mutator.search_groups
                measured[size] = own, own.cost_table(self.architecture, groups)
        # A part of a cost is one of that of the largest images.
        whole = measured[edge][1]
        options, limits = split_limits(cost)
        tables = {size: table for size, (_, table) in measured.items()}
        found = [
            (limit, terms_by_size(tables, whole, {**options, 'limit': limit}))
            for limit in limits
        ]
        loosest = loosest_first([next(iter(own.values())).limits for _, own in found])
        self.limits = [limits[k] for k in loosest]
        self._of_size = {
            size: (measured[size][0], term)
            for size, term in found[loosest[0]][1].items()
        }
        self._all_sizes = dict(self._of_size)
        self._beyond = measured.keys() - self._of_size.keys()
        self.whole_cost = whole.cost(self.first_path())
        least = min(term.table.cost_range()[0] for _, term in self._of_size.values())
        self.cost_range = least, whole.cost_range()[1]
        self.input_sizes = list(self._of_size) if sizes else []
        first = next(iter(self._of_size))
        if sizes:
            self.register_buffer('input_size', torch.tensor(first))
        self.set_input_size(first)

    def set_input_size(self, size: int) -> None:
        """Lets the child have images of one of ``input_sizes``; limits are as before.

        Raises:
            ConfigError: The size is none of them.
        """
        if size not in self._of_size and not self.input_sizes:
            raise ConfigError(
                f"the size of the child's images must be {self.edge}, that of all "
                f'images where model.input_sizes gives no choice, but is {size}.'
            )
        if size not in self._of_size:
            raise ConfigError(
                f"the size of the child's images must be one of {self.input_sizes}, "
                f'which leave a path within the limits, but is {size}.'
            )
        self.resource_estimator, term = self._of_size[size]
        self.cost_table = term.table
        self.cost_term = term
        if self.input_sizes:
            self.input_size.fill_(size)
            self.cost_term = term.to(self.input_size.device)
        self._limit_mutator()

    def _limit_mutator(self) -> None:
        # None too: a mutator that was built may have those of another search.
        self.mutator.limits = None
        if self.cost_term.limits:
            self.mutator.limits = ConstrainedArgmax(
                *self.cost_term.constraints(), mean=self.cost_term.adaptive
            )

    def is_within(self, path: Mapping[str, str]) -> bool:
        """Whether a path, candidate by group, is within the limits as a whole, too.

        Raises:
            UserError: It cannot be measured.
        """
        return self.cost_term.allows(path) and not self._tighter(path)[0]

    def confirms(self, path: Mapping[str, str], measures: bool = True) -> bool:
        """Whether the network of a path is within the limits, measured as a whole.

        Sums of measurements predict. A network that exceeds a limit makes that on sums
        tighter, which leaves out its path. Costs without a meter of whole networks are
        as the table has them.

        Args:
            path (Mapping[str, str]): Candidate by group.
            measures (bool): If not, only what was measured before counts.

        Raises:
            UserError: It cannot be measured, or no path is left.
        """
        term = self.cost_term
        tighter, measured = self._tighter(path, measures)
        for sums in tighter:
            term.sums.update(sums)
            if term.leaves_a_path():
                print_log(f'A sum must be at most {in_words(term.sums)}.', 'current')
                break
        else:
            if tighter:
                self._leave_out_size(measured)
        self._limit_mutator()
        return not tighter

    def _tighter(
        self, path: Mapping[str, str], measures: bool = True
    ) -> tuple[list[Amounts], Amounts]:
        """See ``tighter_sums``; and what was measured."""
        estimator, choices = self.resource_estimator, self.cost_table.choices(path)
        whole = estimator.whole if measures else estimator.known_whole
        names = limits_of_networks(self.cost_term)
        measured = whole(self.architecture, choices, names)
        return tighter_sums(self.cost_term, path, measured), measured

    def restore_limits(self) -> None:
        """Puts back what networks made tighter, as a run that is resumed has it."""
        self._of_size = dict(self._all_sizes)
        for _, term in self._of_size.values():
            term.sums = dict(term.limits)
        self.input_sizes[:] = self._of_size if self.input_sizes else ()
        self.set_input_size(self.child_edge)

    def _leave_out_size(self, measured: Mapping[str, float]) -> None:
        """Goes on with images of another size than the child's, which leaves no path.

        Raises:
            ConfigError: There is no other.
        """
        term, size = self.cost_term, self.child_edge
        if len(self._of_size) == 1:
            raise ConfigError(
                f'model.cost.limit is {in_words(term.limits)}, but networks take more '
                'than the sums of their candidates, the last one '
                f'{in_words(measured)} as a whole, and no path is left whose sum is at '
                f'most {in_words(term.sums, term.count_fixed_part)}.'
            )
        del self._of_size[size]
        self.input_sizes.remove(size)
        self.set_input_size(self.input_sizes[0])

    def confirmed_child(
        self,
        choose: Callable[[], dict[str, str]] | None = None,
        measures: bool = True,
    ) -> dict[str, str]:
        """The first choice whose network is within the limits as a whole.

        Args:
            choose (Callable, optional): Chooses a path within the limits on sums, which
                get tighter; the most probable one by default.
            measures (bool): See :meth:`confirms`.
        """
        choose = choose or super().confirmed_child
        while not self.confirms(child := choose(), measures):
            continue
        return child

    @property
    def child_edge(self) -> int:
        """Edge of the child's images, in pixels."""
        return self.resource_estimator.input_shape[-1]

    def resized(self, inputs: Tensor) -> Tensor:
        """Images, ``(n, c, h, w)``, of the size that the path has that is executed."""
        size = self._executed_size or self.child_edge
        if not self.input_sizes or self.trains_first or inputs.shape[-1] == size:
            return inputs
        return F.interpolate(inputs, (size, size), mode='bilinear', antialias=True)

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # The limits, whose multipliers are loaded next, are those of the size.
        name = f'{prefix}input_size'
        if self.input_sizes and name in state_dict:
            size = int(state_dict[name])
            fixed = state_dict.get(f'{prefix}mutator._fixed')
            is_open = fixed is not None and bool((fixed < 0).all())
            if is_open and size in self._beyond:
                # Nothing was chosen yet, within limits that allowed larger images.
                state_dict[name] = torch.tensor(self.child_edge)
            else:
                self.set_input_size(size)
        elif state_dict.get(name) == self.child_edge:
            # Of a search that had a choice, which this one was built after.
            del state_dict[name]
        super()._load_from_state_dict(state_dict, prefix, *args)
