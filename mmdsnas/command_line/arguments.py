"""Arguments of the tools, and what their commands are wrapped in."""

import argparse
import functools
from typing import Callable

from mmengine.config import DictAction

from .endings import Signals, end, end_rank

# Options whose value is a path, a command or a pattern, whatever it looks like.
AS_GIVEN = ('ann_file', 'checkpoint', 'data_root', 'file', 'fix_subnet', 'load_from')
AS_GIVEN += ('out_dir', 'scores_file', 'work_dir', 'command', 'pattern')


class Options(DictAction):
    """mmengine's ``KEY=VALUE`` options.

    mmengine's ends in a traceback without a ``=``, and takes blanks out of paths and
    makes numbers and lists of them.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """See ``argparse.Action``."""
        options = dict(getattr(namespace, self.dest, None) or {})
        for value in values:
            name, equals, text = value.partition('=')
            if not equals:
                parser.error(f'{option_string} must be KEY=VALUE, but got {value!r}')
            if name.split('.')[-1] in AS_GIVEN:
                # A shell that does not know quotes hands them on.
                quoted = len(text) > 1 and text[0] == text[-1] and text[0] in '\'"'
                options[name] = text[1:-1] if quoted else text
                if text == 'None':
                    options[name] = None
                continue
            try:
                options[name] = self._parse_iterable(text)
            except AssertionError:
                parser.error(
                    f'{option_string} must have brackets in pairs, but got {value!r}'
                )
        setattr(namespace, self.dest, options)


def config_parser(description: str, loads: bool = False) -> argparse.ArgumentParser:
    """A parser for a tool that starts from a config, and maybe loads a checkpoint."""
    # A misspelt option is no other one.
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument('config', help='config: its path or its name')
    parser.add_argument(
        '--cfg-options',
        dest='options',
        nargs='+',
        action=Options,
        metavar='KEY=VALUE',
        help='replace options of the config',
    )
    if loads:
        add_trust_argument(parser)
    return parser


def run_parser(description: str) -> argparse.ArgumentParser:
    """A parser for a tool that runs a model; its names are those of the function."""
    parser = config_parser(description, loads=True)
    parser.add_argument('--work-dir', help='folder for what the run leaves')
    parser.add_argument(
        '--launcher',
        default='none',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        help='what starts the processes of a distributed run',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Adds what lets a tool load a checkpoint that safe loading refuses."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that hold more than tensors and plain values. This '
        'can run any code that is in the file, with all your rights: only for files '
        'of people whom you would let type at your computer',
    )


def show_user_errors(
    main: Callable[[], None], resumable: bool = False
) -> Callable[[], None]:
    """Ends a command with one sentence, where there is one, not with a traceback.

    The sentence names ``--resume`` if the command is ``resumable``.
    """

    @functools.wraps(main)
    def wrapped() -> None:
        with Signals(resumable) as signals:
            try:
                try:
                    main()
                finally:
                    signals.begin_to_end()
                end_rank()
            except SystemExit:
                raise
            except BaseException as error:
                signals.begin_to_end()
                end(error, resumable)
                raise

    return wrapped
