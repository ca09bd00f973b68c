import functools
import sys
from typing import Callable

from mmdsnas.errors import UserError


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
            sys.exit(f'error: {error}')

    return wrapped
