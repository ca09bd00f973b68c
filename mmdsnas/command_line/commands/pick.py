"""Says what a search with several limits knows of a child within another one."""

import argparse

from mmdsnas import PickedChild, pick
from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.visualization.tables import front_table


@show_user_errors
def main() -> None:
    """Prints it, or trains the child."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        'work_dir', metavar='RUN', help='work directory of a search with limits'
    )
    parser.add_argument(
        '--limit',
        required=True,
        nargs='+',
        metavar='LIMIT',
        help='MFLOPs, a part of the most expensive path (50%%), or several: flops=20 '
        'params=1.5',
    )
    parser.add_argument(
        '--train',
        dest='train_it',
        action='store_true',
        help='train the child, too; it joins front.csv and the report',
    )
    args = parser.parse_args()
    parts = [word.rpartition('=') for word in args.limit]
    limits = {name: _amount(text) for name, _, text in parts}
    if len(limits) < len(parts) or '' in limits and len(limits) > 1:
        parser.error(
            f'--limit must be one limit, or one for each of several costs, but is '
            f'{" ".join(args.limit)}'
        )
    # A single one without a name is on MFLOPs.
    found = pick(args.work_dir, limits.get('', limits), args.train_it)
    print(found if isinstance(found, PickedChild) else front_table([found]))


def _amount(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
