"""Arguments of the tools, and how they end when a user erred."""

import argparse
import functools
import sys
from typing import Callable

from mmengine.config import DictAction

from mmdsnas.errors import UserError


def config_parser(description: str) -> argparse.ArgumentParser:
    """A parser for a tool that starts from a config."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config: its path or its name')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='replace options of the config',
    )
    return parser


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every tool that runs a model takes."""
    parser.add_argument('--work-dir', help='folder for what the run leaves')
    parser.add_argument(
        '--launcher',
        default='none',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        help='what starts the processes of a distributed run',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def show_user_errors(main: Callable[[], None]) -> Callable[[], None]:
    """Ends a command with the sentence of a user's error, not a traceback.

    Args:
        main (callable): Entry point of a command-line tool.
    """

    @functools.wraps(main)
    def wrapped() -> None:
        try:
            main()
        except UserError as error:
            sys.exit(f'error: {_sentence(error)}')

    return wrapped


def _sentence(error: UserError) -> str:
    """The error's own words, without the traceback of a data worker.

    PyTorch raises an error of a worker again with the whole of its traceback,
    which ends in the type and the words of the error, for a message.
    """
    name = f'{type(error).__module__}.{type(error).__qualname__}: '
    return str(error).rpartition(name)[2].strip()
