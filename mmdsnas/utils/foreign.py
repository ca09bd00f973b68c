"""Errors of code that is not ours: of networks, data sets and metrics."""

import traceback
from contextlib import contextmanager
from typing import Iterator

import torch

from mmdsnas.errors import ConfigError, UserError

# What code raises that was given something else than it was written for.
FOREIGN = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError),
    *(RuntimeError, TypeError, ValueError),
)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Turns errors of foreign code into those of a config that does not fit it.

    Raises:
        ConfigError: Names what fails then, the error and its place.
    """
    try:
        yield
    except (UserError, torch.OutOfMemoryError):
        raise
    except FOREIGN as error:
        *_, place = traceback.extract_tb(error.__traceback__)
        reason = ' '.join(str(error).split()) or 'no reason given'
        raise ConfigError(
            f'{what}: {type(error).__name__} in {place.filename}, line {place.lineno}: '
            f'{reason}'
        ) from error
