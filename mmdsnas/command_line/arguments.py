"""Arguments of the tools, and how they end when a user erred."""

import argparse
import functools
import re
import sys
from typing import Callable

from mmengine.config import DictAction

from mmdsnas.errors import UserError

UNKNOWN_OPTION = r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'.*"


class Options(DictAction):
    """mmengine's ``KEY=VALUE`` options; it ends in a traceback without a ``=``."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """See ``argparse.Action``."""
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string} must be KEY=VALUE, but got {value!r}')
        super().__call__(parser, namespace, values, option_string)


def config_parser(description: str) -> argparse.ArgumentParser:
    """A parser for a tool that starts from a config."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config: its path or its name')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
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
    add_trust_argument(parser)


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Adds what lets a tool load a checkpoint that safe loading refuses."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that hold more than tensors and plain values. This '
        'can run any code that is in the file, with all your rights: only for files '
        'of people whom you would let type at your computer',
    )


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
        except TypeError as error:
            # What Python says of an argument that a class does not have.
            unknown = re.fullmatch(UNKNOWN_OPTION, str(error), re.DOTALL)
            if unknown is None:
                raise
            sys.exit(
                f'error: the config gives {unknown[1]} an option {unknown[2]!r}, '
                'which it does not have.'
            )

    return wrapped


def _sentence(error: UserError) -> str:
    """The error's own words, without the traceback of a data worker.

    PyTorch raises an error of a worker again with the whole of its traceback,
    which ends in the type and the words of the error, for a message.
    """
    name = f'{type(error).__module__}.{type(error).__qualname__}: '
    return str(error).rpartition(name)[2].strip()
