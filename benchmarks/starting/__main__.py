"""Runs the configs to start from with several seeds, beside networks made by hand.

A run takes about 2 min of one core for digits, 6 for a folder of 3,000 photos. Every
result is a file, and what is published is taken as it is: an interrupted command goes
on. The results go to benchmarks/results/starting.json; `make quality-report` shows
those whose seeds are all there.
"""

import json

from ..jobs import parser, run_jobs
from ..output import write_json
from .rows import FILE, OF_FOLDER, ROWS, SETS, SHARING, name_of, rows_of
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
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name, result in known.items():
        if not (args.folder / f'{name}.json').exists():
            write_json(args.folder / f'{name}.json', result)
    jobs = {}
    for seed in range(args.seeds):
        for row in wanted:
            name = name_of(args.set, row, seed)
            work_dir = str(args.folder / 'runs' / name)
            jobs[name] = run, (SETS[args.set], {**rows[row], **images}, seed, work_dir)
    write_json(FILE, {**known, **run_jobs(jobs, args.folder, args.workers)})


if __name__ == '__main__':
    main()
