"""Copies a data set with its images reduced, which data workers read faster.

The copy is another data set: accuracies compare among runs on the same one.
"""

import argparse
import os
from collections import Counter

from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.datasets.resized_copy import CORRUPT, copy_resized

# Of corrupt images that are named.
NAMED = 10


@show_user_errors
def main() -> None:
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
    became = copy_resized(**vars(parser.parse_args()))
    counts = Counter(became.values())
    print(', '.join(f'{number} {what}' for what, number in counts.items()))
    corrupt = [path for path, what in became.items() if what == CORRUPT]
    for path in corrupt[:NAMED]:
        print(f'left out, cannot be decoded: {path}')
    if len(corrupt) > NAMED:
        print(f'and {len(corrupt) - NAMED} more')
