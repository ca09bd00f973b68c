"""Peak memory of each variant, in a process of its own."""

import gc
from dataclasses import replace
from typing import Any

import torch
from mmengine.optim import OptimWrapper

from .mmrazor_step import MMRazorStep
from .official_step import OfficialStep
from .processes import PeakMemory, in_fresh_process, sizes
from .timing import Step, wait_for
from .variants import FinetuneStep, PlainStep, SearchStep
from .workload import Workload

STEPS = {
    'search': None,
    'plain': PlainStep,
    'mmrazor': MMRazorStep,
    'official': OfficialStep,
    'finetune': FinetuneStep,
}
# Of a step each; the allocator has settled then.
WARMUP, COUNTED = 2, 3


def peak_memory(workload: Workload, variants: list[str]) -> dict[str, Any]:
    """Measures variants one after another, on one and the same path.

    Args:
        workload (Workload): What is measured.
        variants (list[str]): Keys of ``STEPS``.

    Returns:
        dict: By variant ``peak``, ``weights`` and ``state`` (bytes). If search and
        plain are among them, ``limit``: the peak of the plain step, the supernet's
        weights and their optimizer state, and 5 %.
    """
    one_path = replace(workload, num_paths=1)
    found = {name: in_fresh_process(measure, one_path, name) for name in variants}
    result: dict[str, Any] = dict(variants=found)
    if {'search', 'plain'} <= set(variants):
        supernet = found['search']['weights'] + found['search']['state']
        result['limit'] = round(1.05 * (found['plain']['peak'] + supernet))
    return result


def measure(workload: Workload, variant: str) -> dict[str, int]:
    """Peak memory of a variant's step in this process.

    Args:
        workload (Workload): What is measured, of one path.
        variant (str): A key of ``STEPS``.
    """
    # Whatever the first step of a process sets up counts for no variant.
    torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 8, 8)).sum().backward()
    if workload.device != 'cpu':
        torch.zeros((), device=workload.device)
    memory = PeakMemory(workload.device)
    step: Step | None = build(workload, variant)
    gc.collect()
    for index in range(WARMUP):
        step.prepare(index)
        step.run(index)
    if variant in ('search', 'mmrazor'):
        fill_states(step.optimizers['architecture'])
    gc.collect()
    memory.start()
    for index in range(COUNTED):
        step.prepare(index)
        step.run(index)
    wait_for(workload.device)
    peak = memory.read()
    return dict(peak=peak, **sizes(*parts(step)))


def build(workload: Workload, variant: str) -> Step:
    """A variant's step, without the search that gave its weights.

    Args:
        workload (Workload): Of one path.
        variant (str): A key of ``STEPS``.
    """
    search = SearchStep(workload)
    if variant == 'search':
        return search
    paths = search.paths()
    last = paths[0] if variant == 'finetune' else paths
    return STEPS[variant](workload, search.algorithm, last)


def fill_states(wrapper: OptimWrapper) -> None:
    """Makes the momentum of all candidates, which a long search has."""
    for group in wrapper.optimizer.param_groups:
        for parameter in group['params']:
            parameter.grad = torch.zeros_like(parameter)
    wrapper.step()
    wrapper.zero_grad()


def parts(step: Step) -> tuple:
    """Model and optimizers of a step of one path."""
    if isinstance(step, PlainStep):
        return step.children[0], step.optimizers[0].optimizer
    if isinstance(step, OfficialStep):
        return step.net, step.optimizer.optimizer, step.alpha_optimizer.optimizer
    optimizers = [wrapper.optimizer for wrapper in step.optimizers.values()]
    return step.algorithm, *optimizers


def search_memory(workload: Workload) -> dict[str, int]:
    """Peak memory of a search step alone, in a process of its own."""
    return in_fresh_process(measure, replace(workload, num_paths=1), 'search')
