import sys
import time
from typing import Iterator, Sequence, TypeVar

from mmengine.logging import print_log
from rich.console import Console
from rich.progress import track

Item = TypeVar('Item')

# Seconds between two lines where there is no terminal.
INTERVAL = 10.0


def progress(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yields items whose work takes minutes, and says how much is left.

    On a terminal that is a bar, elsewhere lines of the log; ``what`` is what is done.
    """
    if sys.stderr.isatty():
        console = Console(stderr=True)
        yield from track(items, what, console=console, transient=True)
        return
    start = told = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - told >= INTERVAL and done < len(items):
            left = (now - start) / done * (len(items) - done)
            print_log(
                f'{what}: {done} of {len(items)}, about {left:.0f} s left.', 'current'
            )
            told = now
