"""The steps of the check, in their order: what is right before what is fast."""

from typing import NamedTuple


class Step(NamedTuple):
    """A step.

    Attributes:
        name (str): On the command line and in the results.
        title (str): In the table.
        function (str): ``MODULE:FUNCTION``, imported in the step's process alone.
        seconds (float): After which it is ended.
        optional (bool): Whether a failure is noted and fails no check.
    """

    name: str
    title: str
    function: str
    seconds: float
    optional: bool = False


def _of(module: str, function: str) -> str:
    return f'benchmarks.gpu_check.{module}:{function}'


STEPS = (
    Step('import', 'versions and device', _of('numbers', 'versions'), 60),
    Step('reference', "the authors' numbers", _of('numbers', 'reference'), 90),
    Step('amp', 'a search in mixed precision', _of('searches', 'amp'), 90),
    Step('ranks', 'two ranks on the device', _of('searches', 'ranks'), 150),
    Step('resume', 'killed and resumed', _of('kills', 'resume'), 100),
    Step('loader', 'data', _of('speed', 'loader'), 60),
    Step('float32', 'a step in float32', _of('speed', 'float32'), 150),
    Step('bf16', 'a step in bf16', _of('speed', 'bf16'), 150),
    Step('projection', 'a search of ImageNet', _of('speed', 'projected'), 30),
    # The last one: compiling may take all the time that is left.
    Step('compile', '`compile=True`', _of('searches', 'compiled'), 120, optional=True),
)
