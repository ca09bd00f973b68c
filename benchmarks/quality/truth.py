"""Trains every child of the benchmark's search space from scratch.

81 children with 2 seeds each, 25 to 45 s of one core each: about an hour and a half
of one core. It may be stopped at any time; the same command goes on. The recipe is
in configs/child.py. The truth goes to benchmarks/results/truth.json.
"""

import itertools
from typing import Any, Mapping

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from scipy.stats import kendalltau, spearmanr

from mmdsnas.models import DifferentiableMutator, ResourceEstimator
from mmdsnas.models.cost import CostTable
from mmdsnas.registry import MODELS
from ..jobs import parser, run_jobs
from ..output import RESULTS, write_json
from .training import CONFIGS, train_child

FILE = RESULTS / 'truth.json'
SEEDS = (0, 1)


def cost_table() -> CostTable:
    """Costs of the search space."""
    config = Config.fromfile(CONFIGS / 'child.py')
    init_default_scope(config.default_scope)
    supernet = MODELS.build(config.chain)
    mutator = DifferentiableMutator()
    mutator.prepare_from_supernet(supernet)
    estimator = ResourceEstimator(input_shape=(1, 3, 28, 28))
    return estimator.cost_table(supernet, mutator.search_groups)


def children(table: CostTable) -> list[dict[str, str]]:
    """All children of a search space, candidate by block."""
    candidates = [list(costs) for costs in table.blocks.values()]
    return [
        dict(zip(table.blocks, chosen)) for chosen in itertools.product(*candidates)
    ]


def name_of(child: Mapping[str, str]) -> str:
    """A child in short: its candidates in the order of its blocks."""
    return '-'.join(child.values())


def noise_ceiling(accuracies: np.ndarray) -> dict[str, float]:
    """How far a second training of the same children agrees with the first.

    Args:
        accuracies (np.ndarray): Shape ``(num_children, 2)``, by seed.

    Returns:
        dict[str, float]: Rank correlations between the seeds, and ``sd``, the
        standard deviation of one training of a child, in points of accuracy.
    """
    first, second = accuracies.T
    return dict(
        kendall=float(kendalltau(first, second).statistic),
        spearman=float(spearmanr(first, second).statistic),
        sd=float(np.sqrt(np.mean((first - second) ** 2) / 2)),
    )


def main() -> None:
    args = parser(__doc__, 'truth').parse_args()
    table = cost_table()
    all_children = children(table)
    jobs = {
        f'{name_of(child)}-{seed}': (train_child, (child, seed))
        for seed in SEEDS
        for child in all_children
    }
    results = run_jobs(jobs, args.folder, args.workers)
    truth = []
    for child in all_children:
        runs = [results[f'{name_of(child)}-{seed}'] for seed in SEEDS]
        cost = table.cost({g: child[b[0]] for g, b in table.groups.items()})
        truth.append(_row(child, cost, runs))
    ceiling = noise_ceiling(np.array([row['accuracy'] for row in truth]))
    write_json(FILE, dict(children=truth, noise_ceiling=ceiling))
    best = max(truth, key=lambda row: sum(row['accuracy']))
    print(f'{len(truth)} children in {FILE}; the best: {best}; seeds agree: {ceiling}')


def _row(child, cost, runs) -> dict[str, Any]:
    return dict(
        child=list(child.values()),
        mflops=cost['flops'],
        mparams=cost['params'],
        accuracy=[run['accuracy'] for run in runs],
        cpu_seconds=[round(run['cpu_seconds'], 1) for run in runs],
    )


if __name__ == '__main__':
    main()
