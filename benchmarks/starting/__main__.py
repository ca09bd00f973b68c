"""Runs the configs to start from with several seeds, beside networks made by hand.

A run takes about 2 min of one core for digits, 6 for a folder of 3,000 photos. Every
result is a file, and what is published is taken as it is: an interrupted command goes
on. The results go to benchmarks/results/starting.json; `make quality-report` shows
those whose seeds are all there.
"""

import json
from typing import Any

from ..jobs import parser, run_jobs
from ..output import write_json
from .rows import FILE, OF_FOLDER, ROWS, SETS, SHARING, name_of, recipe_of, rows_of
from .training import run


def main() -> None:
    made = parser(__doc__, 'starting')
    made.add_argument(
        '--set', choices=SETS, default='digits', help='of images (%(default)s)'
    )
    made.add_argument('--data', help='folder of photos, for --set folder')
    made.add_argument('--seeds', type=int, default=5, help='(%(default)s)')
    made.add_argument(
        '--rows',
        nargs='+',
        choices=(*ROWS, *(row for row, _ in SHARING.values())),
        metavar='ROW',
        help='run these alone: some of %(choices)s; each set has one of the last two',
    )
    args = made.parse_args()
    if (args.data is None) != (args.set == 'digits'):
        made.error('--data DIR belongs to --set folder, and only to it')
    images = {} if args.data is None else {'data_root': args.data, **OF_FOLDER}
    rows = rows_of(args.set)
    wanted = args.rows or [*rows]
    if strange := set(wanted) - set(rows):
        made.error(f'--set {args.set} has no row {", ".join(strange)}')
    published, jobs, names = read(), {}, {}
    for seed in range(args.seeds):
        for row in wanted:
            name, recipe = name_of(args.set, row, seed), recipe_of(args.set, row)
            # A result of another config has another file.
            job = f'{name}, {recipe}'
            names[job], file = name, args.folder / f'{job}.json'
            known = published.get(name)
            if known and known['recipe'] == recipe and not file.exists():
                write_json(file, known)
            work_dir = str(args.folder / 'runs' / job)
            options = {**rows[row], **images}
            jobs[job] = run, (SETS[args.set], options, seed, work_dir, recipe)
    done = run_jobs(jobs, args.folder, args.workers)
    # Another command may have written its own meanwhile.
    write_json(FILE, {**read(), **{names[job]: done[job] for job in done}})


def read() -> dict[str, Any]:
    """What is published."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


if __name__ == '__main__':
    main()
