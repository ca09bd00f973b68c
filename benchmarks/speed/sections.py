"""The sections of the benchmark: what each of them measures."""

from dataclasses import replace
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from . import growth
from .data import pipelines
from .idle import idle_share
from .kept import kept_images
from .memory import STEPS, peak_memory
from .mmrazor_step import MMRazorStep
from .official_step import OfficialStep
from .parts import step_parts
from .ranks import RANKS, on_ranks
from .runner_step import in_runner
from .timing import Step, quartiles, ratio, take_turns, timed
from .variants import FinetuneStep, PlainStep, SearchStep
from .workload import Workload


class Effort(NamedTuple):
    """How much is measured.

    Attributes:
        rounds (int): Rounds that count.
        warmup (int): Rounds before them.
    """

    rounds: int
    warmup: int


# Each variant beside the one that it is compared with.
RATIOS = {
    'search / plain': ('search', 'plain'),
    'finetune / its child': ('finetune', 'finetuned child'),
    'mmrazor / search': ('mmrazor', 'search'),
    'mmrazor / plain': ('mmrazor', 'plain'),
    'official / search': ('official', 'search'),
    'official / plain': ('official', 'plain'),
}
LAYOUT_RATIOS = {
    'search, channels last / search': ('search, channels last', 'search'),
    'plain, channels last / plain': ('plain, channels last', 'plain'),
    'both, channels last': ('search, channels last', 'plain, channels last'),
}


def build_steps(workload: Workload) -> dict[str, Step]:
    """All variants of a step, with the same weights, ``alpha``, batch and paths."""
    search = SearchStep(workload)
    paths = search.paths()
    given = (workload, search.algorithm)
    return {
        'search': search,
        'plain': PlainStep(*given, paths),
        'mmrazor': MMRazorStep(*given, paths),
        'official': OfficialStep(*given, paths),
        'finetune': FinetuneStep(*given, paths[0]),
        'finetuned child': PlainStep(*given, paths[:1]),
    }


def steps(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Times of all variants, in turns.

    Returns:
        dict: See :func:`compare`; on a GPU ``idle`` too, its share in a search step, or
        ``idle_error``.
    """
    built = build_steps(workload)
    result = compare(workload, effort, built, RATIOS)
    if workload.device != 'cpu':
        # A profiler that does not work costs no times.
        try:
            result['idle'] = idle_share(built['search'])
        except Exception as error:
            result['idle_error'] = f'{type(error).__name__}: {error}'
    return result


def layouts(workload: Workload, effort: Effort) -> dict[str, Any]:
    """The same with the channels last in memory, by turns; see :func:`compare`."""
    built: dict[str, Step] = {}
    for name, last in (('', False), (', channels last', True)):
        each = replace(workload, channels_last=last)
        search = SearchStep(each)
        built[f'search{name}'] = search
        built[f'plain{name}'] = PlainStep(each, search.algorithm, search.paths())
    return compare(workload, effort, built, LAYOUT_RATIOS)


def compare(
    workload: Workload,
    effort: Effort,
    built: Mapping[str, Step],
    ratios: Mapping[str, tuple[str, str]],
) -> dict[str, Any]:
    """Times of variants that take turns.

    Args:
        workload (Workload): What is measured.
        effort (Effort): How much.
        built (Mapping[str, Step]): The variants.
        ratios (Mapping[str, tuple[str, str]]): Which are compared, by title.

    Returns:
        dict: ``variants``: ``wall``, ``cpu`` (quartiles of seconds) and
        ``images_per_second``; ``ratios``: ``wall`` and ``cpu``, of the same rounds.
    """
    times = take_turns(built, *effort, workload.device)
    return dict(
        variants={
            name: dict(
                wall=quartiles(found.wall),
                cpu=quartiles(found.cpu),
                images_per_second=workload.batch_size / quartiles(found.wall).median,
            )
            for name, found in times.items()
        },
        ratios={
            name: dict(
                wall=ratio(times[a].wall, times[b].wall),
                cpu=ratio(times[a].cpu, times[b].cpu),
            )
            for name, (a, b) in ratios.items()
        },
    )


def parts(workload: Workload, effort: Effort) -> dict[str, Any]:
    """What the parts of a step take, on a CPU."""
    return step_parts(workload, *effort)


def memory(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Peak memory of every variant."""
    return peak_memory(workload, list(STEPS))


def runner(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Iterations inside the Runner, and a checkpoint.

    At least two of its 50 iterations between two lines of the log are seen.
    """
    return in_runner(workload, max(effort.rounds, 100), effort.warmup)


def table(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Seconds that the cost table takes, once per run."""
    algorithm = SearchStep(workload).algorithm
    estimator, groups = algorithm.resource_estimator, algorithm.mutator.search_groups
    took = [
        timed(
            lambda: estimator.cost_table(algorithm.architecture, groups),
            workload.device,
        )
        for _ in range(3)
    ]
    return {name: min(each[name] for each in took) for name in ('wall', 'cpu')}


def candidates(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Growth with the number of candidates."""
    return growth.in_candidates(workload, growth.CANDIDATES, *effort)


def blocks(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Growth with the number of blocks."""
    return growth.in_blocks(workload, growth.BLOCKS, *effort)


def ranks(
    workload: Workload, effort: Effort, numbers: Sequence[int] = RANKS
) -> dict[str, Any]:
    """Steps on several ranks of the CPU."""
    return {f'{num}': on_ranks(workload, num, *effort) for num in numbers}


def data(workload: Workload, effort: Effort) -> dict[str, Any]:
    """The data pipelines alone, whatever the workload; see ``data.py``."""
    return pipelines()


def kept(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Images that are decoded once, whatever the workload; see ``kept.py``."""
    return kept_images()


SECTIONS: dict[str, Callable[[Workload, Effort], Any]] = dict(
    steps=steps,
    parts=parts,
    layouts=layouts,
    memory=memory,
    runner=runner,
    table=table,
    candidates=candidates,
    blocks=blocks,
    ranks=ranks,
    data=data,
    kept=kept,
)
