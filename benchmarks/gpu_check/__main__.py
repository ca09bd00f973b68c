"""What is to be seen on a GPU once, in ten minutes, on a machine without a network.

Each step has a process and a time of its own; one that fails stops no other one.
Results are written after each step: gpu_check.json, and what the speed benchmark
leaves. Where something is missing beside torch, the wheels of .gpu-check/wheels are
installed in an environment of their own first (`make gpu-check-wheels`).
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from .environment import FOLDER, become_ready
from .report import report, write_page
from .running import run_steps
from .steps import STEPS


def parse_args() -> argparse.Namespace:
    args = argparse.ArgumentParser(
        prog='python -m benchmarks.gpu_check',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    args.add_argument(
        '--dry-run', action='store_true', help='on the CPU, with small numbers'
    )
    args.add_argument(
        '--only',
        nargs='+',
        choices=[step.name for step in STEPS],
        metavar='STEP',
        help='some of %(choices)s',
    )
    args.add_argument(
        '--minutes', type=float, default=9.0, help='for all steps (%(default)s)'
    )
    args.add_argument(
        '--out', type=Path, help='folder of the results ($OUT, or .gpu-check/results)'
    )
    args.add_argument(
        '--page',
        type=Path,
        metavar='FILE',
        help='put the table of a gpu_check.json into docs/en/performance.md, and end',
    )
    return args.parse_args()


def main() -> None:
    args = parse_args()
    if args.page:
        write_page(args.page)
        return
    # So that a step's processes are ended with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('error: terminated.'))
    become_ready(sys.argv[1:])
    out = args.out or Path(os.environ.get('OUT') or FOLDER / 'results')
    steps = [step for step in STEPS if not args.only or step.name in args.only]
    device = 'cpu' if args.dry_run else 'cuda'
    results = run_steps(steps, out, device, args.dry_run, 60 * args.minutes)
    text = report(results)
    (out / 'gpu_check.md').write_text(text + '\n')
    print(f'\n{text}\n\nWritten: {out / "gpu_check.json"}')
    failed = [name for name, each in results.items() if each['status'] == 'failed']
    if failed:
        sys.exit(f'error: failed: {", ".join(failed)}.')


if __name__ == '__main__':
    main()
