"""Runs every method on the small space, five times without and under two limits.

Searches of 30 s to 2 min of one core each: about four hours of one core in all, with
--anew; otherwise what is published is taken where its config has not changed. It may be
stopped at any time; the same command goes on. Results go to
benchmarks/results/quality.json; `make quality-report` makes the tables and pictures of
it and of the truth.
"""

import argparse
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from ..jobs import Job, parser, run_jobs
from ..output import RESULTS, write_json
from . import space
from .training import CONFIGS, run_search

FILE = RESULTS / 'quality.json'
METHODS = (
    *(
        'additive',
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
SWEPT = ('additive', 'dsnas', 'paired')
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


def _until(epoch: int) -> dict[str, Any]:
    periods = [epoch - 1, 18 - epoch]
    return {
        'model.finetune_epochs': epoch,
        'param_scheduler.architecture.1.periods': periods,
    }


# What of `additive` earns how much, by what is changed of it.
LEVERS: dict[str, dict[str, Any]] = {
    'most-probable-path': {'custom_hooks': []},
    'cheapest-of-equals': {'custom_hooks.0.prefer': 'cheapest'},
    'paired-gradient': {
        'custom_hooks': [],
        'model.gradient_estimator.type': 'PairedGradient',
    },
    'one-cosine': {
        'param_scheduler.architecture.1.periods': [17],
        'param_scheduler.architecture.1.restart_weights': [1],
    },
    **{f'search-until-{epoch}': _until(epoch) for epoch in (2, 6, 9)},
    'early-fixing': {'model.mutator.fix_threshold': 0.3},
    'temperature-0.1': {'model.gradient_estimator.temperature': 0.1},
}
PULLED, PULLED_LIMITS = 'additive', (None, 0.4)
# One of these everywhere, trained alone, is what one would do instead of a search.
ALONE, CANDIDATES = 'alone', ('conv_1x1', 'sep_5x5', 'conv_3x3')
# The training of the costliest is the unit of time.
UNIT = ALONE, None, CANDIDATES[-1]

Key = tuple[str, float | None, str, int]
KEY = 'method', 'limit', 'variant', 'seed'


def all_keys() -> list[Key]:
    """Method, limit, variant and seed of every search; seeds change slowest."""
    keys = []
    for seed in SEEDS:
        keys += [(ALONE, None, candidate, seed) for candidate in CANDIDATES]
        for limit in LIMITS:
            keys += [(method, limit, 'plain', seed) for method in METHODS]
        keys += [(method, limit, 'plain', seed) for limit in SWEEP for method in SWEPT]
        keys += [(m, None, variant, seed) for variant in VARIANTS for m in CLAIMED]
        keys += [
            (PULLED, limit, lever, seed) for limit in PULLED_LIMITS for lever in LEVERS
        ]
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
    changed = {**VARIANTS, **LEVERS}.get(variant, {})
    options = {**changed, 'model.cost.limit': limit}
    if method == ALONE:
        options['default_hooks.hand_made.network'] = variant
    if variant == ALL_PATHS:
        # A block that is fixed executes one candidate, whatever the path.
        options.update(VARIANTS['no-early-fixing'])
    return run_search, (method, seed, options, variant == ALL_PATHS)


def recipe_of(key: Key) -> str:
    """Tells the config and the options of a search, with the space, from others."""
    _, (method, _, *options) = job_of(key)
    config = _config(method), options, Path(space.__file__).read_text()
    return hashlib.sha256(json.dumps(config).encode()).hexdigest()[:16]


@cache
def _config(method: str) -> dict[str, Any]:
    return Config.fromfile(CONFIGS / 'methods' / f'{method}.py').to_dict()


def restore(folder: Path, results: list[dict[str, Any]]) -> None:
    """Gives a folder published results, of searches that would be the same today.

    Not those that are the unit of time, which depends on the machine.
    """
    for result in results:
        key = tuple(result[name] for name in KEY)
        file = folder / f'{name_of(key)}.json'
        is_same = result['recipe'] == recipe_of(key)
        if is_same and key[:3] != UNIT and not file.exists():
            write_json(file, result)


def parse_args() -> argparse.Namespace:
    args = parser(__doc__, 'quality')
    args.add_argument(
        '--methods',
        nargs='+',
        choices=(*METHODS, ALONE),
        metavar='METHOD',
        help='run these alone, and write no quality.json: some of %(choices)s',
    )
    args.add_argument(
        '--anew', action='store_true', help='take none of the published results'
    )
    return args.parse_args()


def main() -> None:
    args = parse_args()
    if not args.anew:
        restore(args.folder, json.loads(FILE.read_text())['searches'])
    keys = [k for k in all_keys() if args.methods is None or k[0] in args.methods]
    jobs = {name_of(key): job_of(key) for key in keys}
    results = run_jobs(jobs, args.folder, args.workers)
    if args.methods is not None:
        return
    alone = [r for key, r in zip(keys, results.values()) if key[:3] == UNIT]
    unit = float(np.mean([r['cpu_seconds'] for r in alone]))
    # Of results that were there before, it is that of their own run.
    searches = []
    for key in keys:
        told = dict(zip(KEY, key), unit_seconds=unit, recipe=recipe_of(key))
        searches.append({**told, **results[name_of(key)]})
    write_json(FILE, dict(searches=searches))
    print(f'{len(searches)} searches in {FILE}; make quality-report shows them.')


if __name__ == '__main__':
    main()
