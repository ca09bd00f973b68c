"""Where the difference between a search step and a plain one goes."""

import time
from contextlib import ExitStack, contextmanager
from functools import wraps
from statistics import median
from typing import Any, Iterator
from unittest import mock

from mmengine.optim import OptimWrapper

from mmdsnas.engine.optimizers import search_optim_wrapper_dict
from mmdsnas.engine.optimizers.search_optim_wrapper_dict import SearchOptimWrapperDict
from mmdsnas.models import DSNAS, DifferentiableMutator, DSNASGradient
from mmdsnas.models.algorithms import dsnas
from .variants import PlainStep, SearchStep
from .workload import Workload

# What is called once or more in a step, by what it is. `forward` has the gates in it.
PARTS: dict[str, list[tuple[Any, str]]] = {
    'draw of the path': [(DifferentiableMutator, 'draw_path')],
    'log-probabilities and gates': [(dsnas, 'PathSample'), (DSNASGradient, 'gates')],
    'forward pass': [(DSNAS, '_task_losses')],
    'backward pass': [(OptimWrapper, 'backward')],
    'gradients finite': [(search_optim_wrapper_dict, 'get_total_norm')],
    'optimizers': [(OptimWrapper, 'step')],
    'gradients removed': [(SearchOptimWrapperDict, 'zero_grad')],
}
# The same parts of a plain step.
PLAIN_PARTS: dict[str, list[tuple[Any, str]]] = {
    'backward pass': [(OptimWrapper, 'backward')],
    'optimizers': [(OptimWrapper, 'step')],
    'gradients removed': [(OptimWrapper, 'zero_grad')],
}
WHOLE = 'the step'


def step_parts(workload: Workload, rounds: int, warmup: int) -> dict[str, Any]:
    """Times the parts of steps that take turns.

    Args:
        workload (Workload): What is measured.
        rounds (int): Rounds that count.
        warmup (int): Rounds before them.

    Returns:
        dict: ``search`` and ``plain``: median seconds of the CPU, by part.
    """
    search = SearchStep(workload)
    plain = PlainStep(workload, search.algorithm, search.paths())
    forward = {'forward pass': [(type(child), 'loss') for child in plain.children[:1]]}
    variants = dict(search=(search, PARTS), plain=(plain, {**forward, **PLAIN_PARTS}))
    found: dict[str, dict[str, list[float]]] = {name: {} for name in variants}
    for index in range(warmup + rounds):
        for name, (step, parts) in variants.items():
            spent = timed_parts(step, index, parts)
            if index >= warmup:
                for part, seconds in spent.items():
                    found[name].setdefault(part, []).append(seconds)
    return {
        name: {part: median(seconds) for part, seconds in each.items()}
        for name, each in found.items()
    }


def timed_parts(step: Any, index: int, parts: dict) -> dict[str, float]:
    """Seconds of the CPU of one step by part, and of the whole."""
    spent = dict.fromkeys(parts, 0.0)
    with watched(parts, spent):
        began = time.process_time()
        step.run(index)
        whole = time.process_time() - began
    return {**spent, WHOLE: whole}


@contextmanager
def watched(
    parts: dict[str, list[tuple[Any, str]]], spent: dict[str, float]
) -> Iterator[None]:
    """While open, what calls of functions take is added up.

    Args:
        parts (dict[str, list[tuple[Any, str]]]): Owners and names of functions that do
            not call each other, by part.
        spent (dict[str, float]): Seconds of the CPU by part; changed in place.
    """
    with ExitStack() as stack:
        for name, functions in parts.items():
            for owner, attribute in functions:
                function = _adding(getattr(owner, attribute), spent, name)
                stack.enter_context(mock.patch.object(owner, attribute, function))
        yield


def _adding(function: Any, spent: dict[str, float], name: str) -> Any:
    @wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - began

    return timed
