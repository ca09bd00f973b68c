"""Trains a network for own photos in all ways, each in the same processor time.

Every result is a file, and what is there stays: an interrupted command goes on. The
tables come into the documentation by ``python -m benchmarks.own_images.report``.
"""

import json
from pathlib import Path

from ..jobs import parser, run_jobs
from ..output import write_json
from .rows import FILE, PAIRS, TIMES, job_name
from .training import measure, run


def main() -> None:
    made = parser(__doc__, 'own_images')
    made.add_argument('data_root', help='folder of the photos, of a folder a class')
    made.add_argument('--seeds', type=int, default=5, help='(%(default)s)')
    arguments = made.parse_args()
    folder = arguments.folder
    # Those that are published.
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name, result in known.items():
        if not (folder / f'{name}.json').exists():
            write_json(folder / f'{name}.json', result)
    # The same epochs for all seeds, and when a command goes on.
    first = {TIMES: (measure, (arguments.data_root,))}
    times = run_jobs(first, folder, 1)[TIMES]
    jobs = {}
    for seed in range(arguments.seeds):
        for row, limit in PAIRS:
            name = job_name(row, limit, seed)
            work = str(Path(folder) / 'runs' / name)
            jobs[name] = run, (arguments.data_root, row, limit, seed, work, times)
    run_jobs(jobs, folder, arguments.workers)


if __name__ == '__main__':
    main()
