"""How a search step grows with the candidates and with the blocks."""

from dataclasses import replace
from typing import Any, Sequence

import numpy as np

from .memory import search_memory
from .timing import quartiles, ratio, take_turns
from .variants import PlainStep, SearchStep
from .workload import Workload

CANDIDATES = (2, 4, 8, 16)
BLOCKS = (5, 10, 20, 40)


def in_candidates(
    workload: Workload, sizes: Sequence[int], rounds: int, warmup: int
) -> dict[str, Any]:
    """Steps of supernets of more and more candidates, all alike.

    Args:
        workload (Workload): What is measured.
        sizes (Sequence[int]): Candidates per block.
        rounds (int): Rounds that count.
        warmup (int): Rounds before them.

    Returns:
        dict: ``rows``, by size: ``wall`` and ``cpu`` (seconds), ``ratio`` and
        ``cpu_ratio`` to the first size in the same rounds, ``memory`` (bytes).
    """
    workloads = {size: replace(workload, candidates=size) for size in sizes}
    steps = {f'{size}': SearchStep(each) for size, each in workloads.items()}
    times = take_turns(steps, rounds, warmup, workload.device)
    del steps
    first = times[f'{sizes[0]}']
    rows = [
        dict(
            size=size,
            wall=quartiles(times[f'{size}'].wall),
            cpu=quartiles(times[f'{size}'].cpu),
            ratio=ratio(times[f'{size}'].wall, first.wall),
            cpu_ratio=ratio(times[f'{size}'].cpu, first.cpu),
            memory=search_memory(each),
        )
        for size, each in workloads.items()
    ]
    return dict(rows=rows)


def in_blocks(
    workload: Workload, sizes: Sequence[int], rounds: int, warmup: int
) -> dict[str, Any]:
    """Steps of supernets of more and more blocks, and of their children alone.

    Every block has the same candidates, so that time is linear if nothing grows
    faster than the network.

    Args:
        workload (Workload): What is measured.
        sizes (Sequence[int]): Numbers of blocks.
        rounds (int): Rounds that count.
        warmup (int): Rounds before them.

    Returns:
        dict: ``rows``, by size: ``wall``, ``cpu``, ``ratio`` and ``cpu_ratio`` to the
        plain step, ``memory``; ``off_line`` and ``cpu_off_line``, see
        :func:`off_line`.
    """
    workloads = {size: replace(workload, candidates=4, blocks=size) for size in sizes}
    steps: dict[str, Any] = {}
    for size, each in workloads.items():
        search = SearchStep(each)
        steps[f'search {size}'] = search
        steps[f'plain {size}'] = PlainStep(each, search.algorithm, search.paths())
    times = take_turns(steps, rounds, warmup, workload.device)
    del steps, search
    rows: list[dict[str, Any]] = []
    for size, each in workloads.items():
        found, plain = times[f'search {size}'], times[f'plain {size}']
        rows.append(
            dict(
                size=size,
                wall=quartiles(found.wall),
                cpu=quartiles(found.cpu),
                ratio=ratio(found.wall, plain.wall),
                cpu_ratio=ratio(found.cpu, plain.cpu),
                memory=search_memory(each),
            )
        )
    return dict(
        rows=rows,
        off_line=off_line(sizes, [row['wall'].median for row in rows]),
        cpu_off_line=off_line(sizes, [row['cpu'].median for row in rows]),
    )


def off_line(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The largest relative distance of values from their straight line.

    Args:
        sizes (Sequence[float]): Where they are.
        values (Sequence[float]): Positive; the line is the one of least squares of
            the relative distances.
    """
    x, y = np.asarray(sizes, float), np.asarray(values, float)
    line = np.polynomial.Polynomial.fit(x, y, 1, w=1 / y)
    return float(np.abs(line(x) / y - 1).max())
