"""Writes the report of a run, or of several side by side: a page that opens offline."""

import argparse

from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.visualization import report


@show_user_errors
def main() -> None:
    """Writes it, and prints where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'work_dirs', nargs='+', metavar='WORK_DIR', help='folder that a run left'
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='the page, by default report.html in WORK_DIR or, of several, '
        'comparison.html in the current folder; the pictures go into a folder beside '
        'it, and those of an earlier report there are removed',
    )
    print(report(**vars(parser.parse_args())))
