"""Searches the space of NAS-Bench-Macro, whose networks all are trained already.

A search takes 10 to 20 min of one core. Every result is a file, and what is published
is taken as it is: an interrupted command goes on, and --seeds adds seeds. When it ends,
what is done goes to benchmarks/results/macro.json; `make macro-report` makes the
tables of it.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Sequence

from mmengine.config import Config

from ..jobs import parser, run_jobs
from ..output import RESULTS, write_json
from . import space, training
from .training import search
from .truth import LIMITS, Truth

FILE = RESULTS / 'macro.json'
# Without a limit: children within each are chosen of one supernet.
WITHOUT = 'uniform', 'uniform-elastic'
WITHIN = 'additive', 'additive-elastic', 'paired', 'dsnas'

# Of each class: the first of CIFAR-10.
IMAGES = {'train': 1500, 'val': 200}

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


def recipe_of(config: str, limit: float | None, seed: int) -> str:
    """Tells the config and the way of a search from others."""
    told = Config.fromfile(training.CONFIGS / f'{config}.py').to_dict(), limit, seed
    sources = [Path(module.__file__).read_text() for module in (space, training)]
    return hashlib.sha256(json.dumps([told, sources]).encode()).hexdigest()[:16]


def check_images(folder: Path) -> None:
    """Refuses other images than the configs are for."""
    for split, number in IMAGES.items():
        counts = {len([*own.iterdir()]) for own in (folder / split).glob('*/')}
        if counts != {number}:
            sys.exit(
                f'error: data_root must have {number} images in each folder of '
                f'{split}, but {folder / split} has {sorted(counts) or "no folders"}.'
            )


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
    check_images(Path(args.data_root))
    published = json.loads(FILE.read_text())['searches'] if FILE.exists() else {}
    known = {
        name: result
        for name, result in published.items()
        if result['recipe'] == recipe_of(*result['key'])
    }
    for name, result in known.items():
        if not (args.folder / f'{name}.json').exists():
            write_json(args.folder / f'{name}.json', result)
    files = str(args.truth), args.data_root
    keys = [key for key in all_keys(args.seeds) if key[0] in args.only]
    jobs = {name_of(key): (search, (*key, *files)) for key in keys}
    try:
        run_jobs(jobs, args.folder, args.workers)
    finally:
        publish(args.folder, keys, known, Truth(args.truth))


def publish(
    folder: Path, keys: Sequence[Key], known: dict[str, Any], truth: Truth
) -> None:
    """Writes what is done into the results, beside what was known."""
    found = dict(known)
    for key in keys:
        file = folder / f'{name_of(key)}.json'
        if file.exists():
            told = dict(key=key, recipe=recipe_of(*key))
            found[name_of(key)] = {**json.loads(file.read_text()), **told}
    by_hand = {str(limit): truth.summary(limit) for limit in LIMITS}
    write_json(FILE, dict(searches=found, truth=by_hand))
    print(f'{len(found)} searches in {FILE}; make macro-report shows them.')


if __name__ == '__main__':
    main()
