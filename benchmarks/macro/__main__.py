"""Searches the space of NAS-Bench-Macro, whose networks all are trained already.

A search takes 10 to 20 min of one core. Every result is a file, and what is published
is taken as it is: an interrupted command goes on, and --seeds adds seeds. The results
go to benchmarks/results/macro.json; `make macro-report` makes the tables of it.
"""

import json
from pathlib import Path

from ..jobs import parser, run_jobs
from ..output import RESULTS, write_json
from .training import search
from .truth import LIMITS, Truth

FILE = RESULTS / 'macro.json'
# Without a limit: children within each are chosen of one supernet.
WITHOUT, WITHIN = ('uniform', 'uniform-elastic'), ('additive', 'paired', 'dsnas')

Key = tuple[str, float | None, int]


def all_keys(seeds: int) -> list[Key]:
    """Config, limit and seed of every search; seeds change slowest."""
    keys: list[Key] = []
    for seed in range(seeds):
        keys += [(config, None, seed) for config in WITHOUT]
        keys += [(config, limit, seed) for limit in LIMITS for config in WITHIN]
    return keys


def name_of(key: Key) -> str:
    """Name of a search's result."""
    config, limit, seed = key
    return f'{config}-{"all" if limit is None else limit}-{seed}'


def main() -> None:
    made = parser(__doc__, 'macro')
    made.add_argument('truth', type=Path, help='nas-bench-macro_cifar10.json')
    made.add_argument(
        'data_root', help='CIFAR-10, a folder of each class in train, val'
    )
    made.add_argument('--seeds', type=int, default=3, help='(%(default)s)')
    made.add_argument(
        '--only',
        nargs='+',
        choices=(*WITHOUT, *WITHIN),
        default=(*WITHOUT, *WITHIN),
        metavar='CONFIG',
        help='run these alone: some of %(choices)s',
    )
    args = made.parse_args()
    known = json.loads(FILE.read_text())['searches'] if FILE.exists() else {}
    for name, result in known.items():
        if not (args.folder / f'{name}.json').exists():
            write_json(args.folder / f'{name}.json', result)
    files = str(args.truth), args.data_root
    keys = [key for key in all_keys(args.seeds) if key[0] in args.only]
    jobs = {name_of(key): (search, (*key, *files)) for key in keys}
    found = {**known, **run_jobs(jobs, args.folder, args.workers)}
    truth = Truth(args.truth)
    by_hand = {str(limit): truth.summary(limit) for limit in LIMITS}
    write_json(FILE, dict(searches=found, truth=by_hand))
    print(f'{len(found)} searches in {FILE}; make macro-report shows them.')


if __name__ == '__main__':
    main()
