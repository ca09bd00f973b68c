import argparse
import fnmatch
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from . import __doc__ as description
from .matrix import SETTINGS, Cell, Result, Setting, all_cells, run_cell, run_reference


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.resume',
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('cells', nargs='*', help='names or patterns; all by default')
    parser.add_argument('--list', action='store_true', help='only list the cells')
    parser.add_argument('--cores', type=int, default=2, help='2 by default')
    parser.add_argument('--folder', type=Path, help='keep what the runs leave here')
    parser.add_argument(
        '--kills',
        type=int,
        metavar='N',
        help='kill one search N times at random moments; the cell is a setting',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the random moments')
    return parser.parse_args()


def say(*words) -> None:
    print(*words, flush=True)


def main() -> None:
    args = parse_args()
    # So that the runs are ended with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    if args.kills is not None:
        names = args.cells or ['1-bf16-0']
        chosen = [s for s in SETTINGS if str(s) in names]
    else:
        patterns = args.cells or ['*']
        chosen = [
            cell
            for cell in all_cells()
            if any(fnmatch.fnmatch(str(cell), pattern) for pattern in patterns)
        ]
    if args.list or not chosen:
        print(*(all_cells() if args.kills is None else SETTINGS), sep='\n')
        sys.exit(not args.list and 'no such cell')
    folder = args.folder or Path(tempfile.mkdtemp(prefix='resume-'))
    if args.kills is not None:
        problems = many_kills(chosen[0], args.kills, args.seed, folder)
    else:
        problems = matrix(chosen, args.cores, folder)
    if problems:
        say(f'What the runs left is in {folder}.')
    elif args.folder is None:
        shutil.rmtree(folder)
    sys.exit(bool(problems))


def matrix(cells: list[Cell], cores: int, folder: Path) -> int:
    """Runs cells, the references first; returns how many of them differ."""
    # Imports what is to be killed, which takes seconds.
    from .processes import load_tool, side_by_side

    began, main_of_tool = time.monotonic(), load_tool()
    settings = [s for s in SETTINGS if any(cell.setting == s for cell in cells)]
    references = {s: folder / f'reference-{s}' for s in settings}
    tasks = [(s.ranks, run_reference(main_of_tool, s, references[s])) for s in settings]
    for number, result in side_by_side(tasks, cores):
        say(f'reference {settings[number]}  {_verdict(result)}')
        if result.problems:
            sys.exit(result.problems[0])
    say(f'{len(settings)} references took {time.monotonic() - began:.0f} s.')
    began_cells = time.monotonic()
    tasks = [
        (
            c.setting.ranks,
            run_cell(main_of_tool, c, folder / str(c), references[c.setting]),
        )
        for c in cells
    ]
    results: dict[Cell, Result] = {}
    for number, result in side_by_side(tasks, cores):
        results[cells[number]] = result
        left = (time.monotonic() - began_cells) * _work(set(cells) - results.keys())
        left /= 60 * _work(results)
        say(
            f'[{len(results)}/{len(cells)}] {cells[number]}  {_verdict(result)}'
            f'  (about {left:.1f} min left)'
        )
    different = sum(bool(result.problems) for result in results.values())
    say(_table(results))
    say(
        f'{len(cells) - different} of {len(cells)} cells end bit for bit like the '
        f'search without a kill, {different} do not; '
        f'{(time.monotonic() - began) / 60:.1f} min.'
    )
    return different


def many_kills(setting: Setting, kills: int, seed: int, folder: Path) -> int:
    """Runs one search with kills, and one without; returns what differs."""
    from .compare import differences
    from .many_kills import run_killed, run_unkilled
    from .processes import load_tool, side_by_side

    began, main_of_tool = time.monotonic(), load_tool()
    reference, killed = folder / 'reference', folder / 'killed'
    tasks = [
        (1, run_killed(main_of_tool, setting, kills, killed, seed, say)),
        (1, run_unkilled(main_of_tool, setting, kills, reference)),
    ]
    problems: list[str] = []
    for _, result in side_by_side(tasks):
        problems += result.problems
    problems = problems or differences(reference / 'work', killed / 'work')
    for problem in problems:
        say('  ' + problem)
    say(
        f'The search that was killed {kills} times (seed {seed}) '
        + ('DIFFERS from' if problems else 'ends bit for bit like')
        + f' the one without a kill; {(time.monotonic() - began) / 60:.1f} min.'
    )
    return len(problems)


def _work(cells) -> int:
    """Processes take about the same time on as many cores."""
    return sum(cell.setting.ranks for cell in cells)


def _verdict(result: Result) -> str:
    word = 'DIFFERENT' if result.problems else 'ok'
    return '\n    '.join([f'{word}  {result.seconds:.1f} s', *result.problems])


def _table(results: dict[Cell, Result]) -> str:
    points = list(dict.fromkeys(cell.point for cell in results))
    settings = [s for s in SETTINGS if any(c.setting == s for c in results)]
    rows = [['killed in', *map(str, settings)]]
    for point in points:
        row = [results.get(Cell(point, setting)) for setting in settings]
        words = ['' if r is None else _verdict(r).split('\n')[0] for r in row]
        rows.append([point, *words])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join(
        '  '.join(word.ljust(width) for word, width in zip(row, widths)).rstrip()
        for row in rows
    )


if __name__ == '__main__':
    main()
