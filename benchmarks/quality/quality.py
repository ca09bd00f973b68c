"""Runs every method on the small space, five times without and under two limits.

Searches of 30 s to 2 min of one core each: about three hours of one core in all. It
may be stopped at any time; the same command goes on. Results go to
benchmarks/results/quality.json; `make quality-report` makes the tables and pictures of
it and of the truth.
"""

import argparse
from typing import Any

from ..output import RESULTS, write_json
from .jobs import Job, parser, run_jobs
from .training import run_search, train_child

FILE = RESULTS / 'quality.json'
METHODS = (
    *(
        'dsnas',
        'counterfactual',
        'counterfactual-held-out',
        'paired',
        'paired-held-out',
    ),
    *('reinforce', 'gdas', 'snas', 'darts', 'proxyless'),
    *('random', 'random-search', 'spos'),
)
# MFLOPs; the children cost 0.145 to 0.778.
LIMITS = (None, 0.4, 0.25)
# With those above, the limits of the Pareto front.
SWEEP = (0.18, 0.32, 0.5)
SWEPT = ('dsnas', 'paired')
SEEDS = (0, 1, 2, 3, 4)
# How far above a limit the expected cost may be at the end of the search stage.
MOST_EXCESS = 0.02
# From where on the report counts a search as one that did not use its limit.
MUCH_BELOW = 0.05
# Whose supernets rank all 81 paths, and for which seeds.
RANKED, RANKED_SEEDS = ('dsnas', 'paired', 'random'), (0, 1)
# What the paper's claims are tried on, and how.
CLAIMED = ('dsnas', 'paired')
VARIANTS: dict[str, dict[str, Any]] = {
    'no-early-fixing': {'model.mutator.fix_threshold': None},
    'no-finetune-stage': {'model.finetune_epochs': 18},
}
ALL_PATHS = 'all-paths'
# A child whose training is the unit of time, all 3x3.
UNIT = {f'backbone.layers.{i}': 'conv_3x3' for i in range(4)}

Key = tuple[str, float | None, str, int]


def all_keys() -> list[Key]:
    """Method, limit, variant and seed of every search; seeds change slowest."""
    keys = []
    for seed in SEEDS:
        for limit in LIMITS:
            keys += [(method, limit, 'plain', seed) for method in METHODS]
        keys += [(method, limit, 'plain', seed) for limit in SWEEP for method in SWEPT]
        keys += [(m, None, variant, seed) for variant in VARIANTS for m in CLAIMED]
        if seed in RANKED_SEEDS:
            keys += [(method, None, ALL_PATHS, seed) for method in RANKED]
    return keys


def name_of(key: Key) -> str:
    """Name of a search's result file."""
    method, limit, variant, seed = key
    return f'{method}-{"none" if limit is None else limit}-{variant}-{seed}'


def job_of(key: Key) -> Job:
    """The search of a key."""
    method, limit, variant, seed = key
    options = {**VARIANTS.get(variant, {}), 'model.cost.limit': limit}
    if variant == ALL_PATHS:
        # A block that is fixed executes one candidate, whatever the path.
        options.update(VARIANTS['no-early-fixing'])
    return run_search, (method, seed, options, variant == ALL_PATHS)


def parse_args() -> argparse.Namespace:
    args = parser(__doc__, 'quality')
    args.add_argument(
        '--methods',
        nargs='+',
        choices=METHODS,
        metavar='METHOD',
        help='run these alone, and write no quality.json: some of %(choices)s',
    )
    return args.parse_args()


def main() -> None:
    args = parse_args()
    keys = [k for k in all_keys() if args.methods is None or k[0] in args.methods]
    # Among the searches, so that they see the same load of the machine.
    jobs: dict[str, Job] = {}
    for seed in SEEDS:
        jobs[f'unit-{seed}'] = train_child, (UNIT, seed)
        jobs.update({name_of(key): job_of(key) for key in keys if key[3] == seed})
    results = run_jobs(jobs, args.folder, args.workers)
    if args.methods is not None:
        return
    searches = [
        dict(zip(('method', 'limit', 'variant', 'seed'), key), **results[name_of(key)])
        for key in keys
    ]
    unit = [results[f'unit-{seed}']['cpu_seconds'] for seed in SEEDS]
    write_json(FILE, dict(searches=searches, unit_cpu_seconds=unit))
    print(f'{len(searches)} searches in {FILE}; make quality-report shows them.')


if __name__ == '__main__':
    main()
