"""Tables of the data pipelines' section."""

from typing import Any, Iterator

from ..output import table
from .data_stages import DECODE, ENTROPY, READ
from .kept import DECODING, DEFAULT, FIRST, LATER

SPLITS = ('train', 'test')


def data_tables(found: dict[str, Any]) -> str:
    """What a worker does per second, and where its time goes.

    Args:
        found (dict): What ``data.pipelines`` returned.
    """
    settings = found['settings']
    speeds = table(
        [
            *('pipeline', 'JPEGs', 'split', 'default', 'reduced', 'ratio'),
            'difference: mean, largest',
        ],
        [_speed(each, split) for each, split in _splits(settings)],
    )
    first = settings[0]
    return (
        f'Images per second of the CPU, one worker with one thread:\n\n{speeds}\n\n'
        'Microseconds of the CPU for one image of the first pipeline as it is:\n\n'
        + table(['stage', *SPLITS], _stages(first))
        + '\n\nOf loading: '
        + ', '.join(f'{n} {first["loading"][n]:.0f}' for n in (READ, DECODE, ENTROPY))
        + '.'
    )


def kept_table(found: dict[str, Any]) -> str:
    """What a worker does per second where images are decoded once.

    Args:
        found (dict): What ``kept.kept_images`` returned.
    """
    rows = []
    for setting in found['settings']:
        speed, ratios = setting['per_cpu_second'], setting['ratios']
        rows.append(
            [
                _files(setting),
                _spread(speed[DEFAULT], 0),
                _spread(speed[DECODING], 0),
                *(
                    f'{_spread(speed[name], 0)}: x {_spread(ratios[name], 2)}'
                    for name in (FIRST, LATER)
                ),
            ]
        )
    return (
        f'Images per second of the CPU, one worker with one thread, training pipeline '
        f'of `{found["config"]}`; x: in those of the default pipeline:\n\n'
        + table(['JPEGs', DEFAULT, DECODING, FIRST, LATER], rows)
    )


def _splits(settings: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    return ((each, split) for each in settings for split in SPLITS)


def _speed(setting: dict[str, Any], split: str) -> list[str]:
    found = setting[split]
    return [
        f'`{setting["config"]}`',
        _files(setting),
        split,
        *(_spread(found['per_cpu_second'][name], 0) for name in ('default', 'ours')),
        _spread(found['ratio'], 2),
        f'{found["difference"]["mean"]:.1f}, {found["difference"]["largest"]}',
    ]


def _files(setting: dict[str, Any]) -> str:
    width, height = setting['size']
    return f'{width} x {height}, {setting["bytes"] / 1000:.0f} KB'


def _stages(setting: dict[str, Any]) -> list[list[str]]:
    times = [setting[split]['microseconds']['default'] for split in SPLITS]
    names = dict.fromkeys(name for each in times for name in each)
    rows = [
        [name, *(f'{each[name]:.0f}' if name in each else '' for each in times)]
        for name in sorted(names, key=lambda name: -max(t.get(name, 0) for t in times))
    ]
    return [*rows, ['in all', *(f'{sum(each.values()):.0f}' for each in times)]]


def _spread(values: dict[str, float], digits: int) -> str:
    low, median, high = (f'{values[k]:.{digits}f}' for k in ('low', 'median', 'high'))
    return f'{median} ({low} to {high})'
