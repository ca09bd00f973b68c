"""A command of the user that measures a file of a network, on whatever device."""

import math
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated

from pydantic import AfterValidator

from mmdsnas.errors import MeasurementError

# What stands for the file in a command.
MODEL = '{model}'
# Not in the middle of a word, as in fp16; whole, so that one with commas is refused.
NUMBER = (
    r'(?<![\w.,+-])[-+]?'
    r'(?:(?:\d[\d.,]*|\.\d+)(?:[eE][-+]?\d+)?|(?:nan|inf|infinity)\b)'
)
# Of what a command printed, as much is shown.
SHOWN = 200
# Seconds that it has to end by itself.
GRACE = 2.0


def _checked_command(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f'be a command as a shell takes it ({error})') from error
    if not any(MODEL in word for word in words):
        raise ValueError(
            f"have {MODEL} where the file of the network goes, as in './bench.sh "
            f"{MODEL}'"
        )
    return command


def _checked_pattern(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f'be a regular expression ({error})') from error
    if groups != 1:
        raise ValueError(
            r"have one pair of parentheses, around the number, as in 'median = (\S+)'"
        )
    return pattern


Command = Annotated[str, AfterValidator(_checked_command)]
Pattern = Annotated[str, AfterValidator(_checked_pattern)]


def run_command(
    command: str, file: Path, timeout: float, pattern: str | None = None
) -> float:
    """Has a command measure a file.

    It is started without a shell, in a session of its own, all of which ends with it.

    Args:
        command (str): Words as a shell takes them, with ``{model}`` for the file.
        file (Path): Of the network.
        timeout (float): Seconds that it may take.
        pattern (str, optional): Regular expression whose group is the number, in what
            the command prints; where it fits several times, the last counts. None: the
            last number of all.

    Returns:
        float: The number, above 0.

    Raises:
        MeasurementError: It cannot be started, takes too long, fails, or prints no such
            number.
    """
    words = [word.replace(MODEL, str(file)) for word in shlex.split(command)]
    # Not pipes, which what it leaves running would hold open.
    with TemporaryFile() as printed, TemporaryFile() as complaints:
        given = dict(stdin=subprocess.DEVNULL, stdout=printed, stderr=complaints)
        try:
            process = subprocess.Popen(words, **given, start_new_session=True)
        except OSError as error:
            raise MeasurementError(
                'resource_estimator.latency.command must be a command that can be '
                f'started, but is {command!r}: '
                f'{words[0]}: {error.strerror}.'
            ) from error
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise MeasurementError(
                'resource_estimator.latency.command must end within '
                f'resource_estimator.latency.timeout={timeout:g} seconds, but '
                f'{command!r} did not.'
            ) from error
        finally:
            _end(process)
        text, errors = map(_text, (printed, complaints))
    if process.returncode:
        raise MeasurementError(
            'resource_estimator.latency.command must end with the exit status 0, but '
            f'{command!r} '
            f'{_ending(process.returncode)}{_last_line(errors or text)}.'
        )
    return _number(command, text, pattern)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors='replace')


def _number(command: str, printed: str, pattern: str | None) -> float:
    found = re.findall(pattern or f'(?i:{NUMBER})', printed)
    try:
        # A full stop may end the sentence.
        number = float(found[-1].rstrip('.,'))
    except (IndexError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        what = 'its last number' if pattern is None else 'latency.pattern finds'
        raise MeasurementError(
            'resource_estimator.latency.command must print milliseconds above 0, such '
            f'as 12.5, as {what}, but {command!r} '
            f'printed {printed.strip()[-SHOWN:]!r}.'
        )
    return number


def _end(process: subprocess.Popen) -> None:
    """Ends a command with all that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(GRACE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _ending(status: int) -> str:
    if status > 0:
        return f'ended with {status}'
    try:
        return f'was ended by {signal.Signals(-status).name}'
    except ValueError:
        return f'was ended by signal {-status}'


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return f': {lines[-1][-SHOWN:].rstrip(".")}' if lines else ''
