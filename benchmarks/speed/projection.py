"""What a whole search on ImageNet would take, by the ratios that were measured."""

from math import ceil
from typing import Any, Sequence

from ..output import table

IMAGES, VAL_IMAGES = 1_281_167, 50_000
GPUS = 8
# Images per second of plain training on one GPU: what readers know of theirs.
RATES = (500, 1000, 2000)
# Of dsnas_supernet_8xb128_in1k.
SEARCH_EPOCHS, EPOCHS = 85, 240
# A validation has no backward pass, which takes about two of three parts.
VAL_SHARE = 1 / 3


def projection(
    sections: dict[str, Any],
    rates: Sequence[float] = RATES,
    source: str = 'assumed',
) -> str:
    """Hours of a search, and of a plain training of the child, on 8 GPUs.

    Args:
        sections (dict): ``steps`` and ``data`` of one result.
        rates (Sequence[float]): Images per second of plain training on one GPU.
        source (str): Where these are from.

    Returns:
        str: A table; the last column is the number of data workers that keep up.
    """
    ratios = {
        name: each['wall'][0] for name, each in sections['steps']['ratios'].items()
    }
    worker = sections['data']['settings'][0]['train']['per_cpu_second']['default']
    rows: list[list[str]] = []
    for rate in rates:
        plain = hours(rate, EPOCHS)
        search = hours(rate, SEARCH_EPOCHS, ratios['search / plain'])
        rest = EPOCHS - SEARCH_EPOCHS
        finetune = hours(rate, rest, ratios['finetune / its child'])
        workers = ceil(GPUS * rate / worker['median'])
        rows.append(
            [
                f'{rate:.0f}',
                f'{search:.1f} + {finetune:.1f} = {search + finetune:.1f}',
                f'{plain:.1f}',
                f'{workers}',
            ]
        )
    return table(
        [
            f'images per second of plain training, one GPU ({source})',
            'search + finetune, h',
            'the child alone, h',
            'data workers',
        ],
        rows,
    )


def hours(rate: float, epochs: int, factor: float = 1.0) -> float:
    """Hours of epochs on all GPUs, each with its validation.

    Args:
        rate (float): Images per second of plain training on one GPU.
        epochs (int): How many.
        factor (float): Time of a step in plain steps.
    """
    images = factor * IMAGES + VAL_SHARE * VAL_IMAGES
    return epochs * images / (GPUS * rate) / 3600
