"""Prints a config with everything that it inherits."""

import argparse

from mmengine.config import DictAction

from mmdsnas.utils.cli import show_user_errors
from mmdsnas.utils.run_config import load_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config: its path or its name')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='replace options of the config',
    )
    return parser.parse_args()


@show_user_errors
def main() -> None:
    args = parse_args()
    # As it is written: without looking for data to count classes in.
    print(load_config(args.config, args.cfg_options, resolve=False).pretty_text)


if __name__ == '__main__':
    main()
