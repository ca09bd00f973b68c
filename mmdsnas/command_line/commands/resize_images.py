"""Copies a data set with its images reduced, which data workers read faster.

The copy is another data set: accuracies compare among runs on the same one.
"""

import argparse
import os

from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.datasets.resized_copy import copy_resized
from mmdsnas.errors import ConfigError

# The largest values; the smallest is 1.
LARGEST = dict(short_edge=10**6, quality=100, workers=10**4)
# Of corrupt images that are named.
NAMED = 10


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='folder of the data set')
    parser.add_argument('target', help='folder of the copy; what is there stays')
    parser.add_argument(
        '--short-edge',
        type=int,
        default=256,
        help='pixels of the short edge of images that are larger (%(default)s)',
    )
    parser.add_argument(
        '--quality', type=int, default=92, help='of JPEGs, 1 to 100 (%(default)s)'
    )
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (%(default)s)'
    )
    return parser.parse_args()


@show_user_errors
def main() -> None:
    args = parse_args()
    for name, most in LARGEST.items():
        given, option = getattr(args, name), name.replace('_', '-')
        if not 1 <= given <= most:
            raise ConfigError(
                f'--{option} must be a whole number, from 1 to {most}, but is {given}.'
            )
    found = copy_resized(
        args.source, args.target, args.short_edge, args.quality, args.workers
    )
    print(', '.join(f'{number} {what}' for what, number in found.counts.items()))
    for path in found.corrupt[:NAMED]:
        print(f'left out, cannot be decoded: {path}')
    if len(found.corrupt) > NAMED:
        print(f'and {len(found.corrupt) - NAMED} more')
