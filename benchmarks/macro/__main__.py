"""Searches the space of NAS-Bench-Macro, and looks the children up.

Supernets are trained on a part of CIFAR-10; a child is worth what its authors measured
of it. Every result is a file, and what is there stays: an interrupted command goes on.
The tables come into the documentation by ``python -m benchmarks.macro.report``.
"""

import argparse
import json
from pathlib import Path

from ..output import RESULTS, write_json
from ..quality.jobs import parser, run_jobs
from .training import search, search_uniformly
from .truth import read

FILE = RESULTS / 'macro.json'
LIMITS, SEEDS = (30, 40, 50, 60), (0, 1, 2)
METHODS = 'additive', 'additive-elastic', 'paired', 'dsnas'
UNIFORM = 'spos'


def parse_args() -> argparse.Namespace:
    made = parser(__doc__, 'macro')
    made.add_argument('images', help='folder of images, with train and val')
    made.add_argument('truth', type=Path, help='nas-bench-macro_cifar10.json')
    return made.parse_args()


def main() -> None:
    args = parse_args()
    networks = read(args.truth)
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name, result in known.items():
        if not (args.folder / f'{name}.json').exists():
            write_json(args.folder / f'{name}.json', result)
    jobs = {}
    for seed in SEEDS:
        jobs[f'{UNIFORM}-{seed}'] = search_uniformly, (LIMITS, seed, args.images)
        for limit in LIMITS:
            for method in METHODS:
                job = search, (method, limit, seed, args.images)
                jobs[f'{method}-{limit}-{seed}'] = job
    results = run_jobs(jobs, args.folder, args.workers)
    for result in results.values():
        result['accuracy'] = {
            limit: networks[child].accuracy for limit, child in result['child'].items()
        }
    write_json(FILE, results)


if __name__ == '__main__':
    main()
