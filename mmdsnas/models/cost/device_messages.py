"""What is said of measurements on a device."""

from logging import WARNING
from typing import Sequence

from mmengine.logging import print_log

from .additive import prediction_errors

# The part by which the same network may vary before it is told.
STEADY = 0.1


def warn_unsteady(first: Sequence[float], times: Sequence[float]) -> None:
    """Warns if one network took now this, now that, or all networks the same.

    Args:
        first (Sequence[float]): Measurements of one network, in ms.
        times (Sequence[float]): Of all networks.
    """
    spread = max(first) / min(first) - 1
    if spread > STEADY:
        told = (
            f'the same network took {min(first):.4g} to {max(first):.4g} ms, measured '
            'again and again: candidates that differ by little cannot be told apart; '
            'measure while the device does nothing else, or let the command measure '
            'for longer.'
        )
        print_log(told, 'current', WARNING)
    if len(times) > 2 and len(set(times)) == 1:
        told = (
            f'the command printed {times[0]:g} for all of {len(times)} networks: does '
            'it measure the file that it is given?'
        )
        print_log(told, 'current', WARNING)


def tell_errors(measured: Sequence[float], predicted: Sequence[float]) -> None:
    """Tells how well sums predict networks, at least one."""
    found = prediction_errors(measured, predicted)
    tau = '' if found.tau is None else f", Kendall's tau {found.tau:.2f}"
    print_log(
        f'{len(measured)} random networks, measured whole and not used for the table: '
        f'sums predict them with a median error of {found.median:.1f} %, at most '
        f'{found.largest:.1f} %{tau}.',
        'current',
    )
