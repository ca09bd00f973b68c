"""How fast a child is in each format that it is exported to, on the CPU.

Every file is made and held against PyTorch by the export itself, in float32 and, where
a format has it, in int8; then all of them take turns with a single image. A few
minutes; results go to benchmarks/results/formats.json, and the table to
docs/en/user_guides/export.md.
"""

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mmdsnas import export, load_child
from mmdsnas.command_line.arguments import config_parser
from mmdsnas.deployment import FORMATS, Comparison
from mmdsnas.deployment.formats import files_of
from mmdsnas.deployment.network import Network
from mmdsnas.errors import ConfigError
from mmdsnas.models.cost.stopwatch import median_times
from .output import DOCS, RESULTS, table, write_json, write_tables

FILE, PAGE = RESULTS / 'formats.json', DOCS / 'user_guides' / 'export.md'
EAGER = 'PyTorch'


def measure(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """A row for PyTorch, and one for each file."""
    torch.set_num_threads(args.threads)
    network = Network(load_child(args.checkpoint))
    calls, rows = {}, [dict(name=EAGER)]
    inputs = None
    for name, kind in FORMATS.items():
        try:
            result = export(
                args.config,
                args.checkpoint,
                folder / f'{name}{kind.suffix}',
                name,
                int8=args.int8 if hasattr(kind, 'quantize') else None,
                options=args.options,
            )
        except ConfigError as error:
            print(f'{name} is left out: {error}')
            continue
        size = result.metadata['input_size']
        inputs = torch.randn(1, result.metadata['channels'], *size)
        found = {name: (result.file, result.comparison)}
        if result.int8_file is not None:
            found[f'{name}, int8'] = (result.int8_file, result.int8_comparison)
        for title, (file, comparison) in found.items():
            rows.append(dict(name=title, **_row(file, comparison)))
            calls[title] = partial(kind().runner(file), inputs)
    with torch.inference_mode():
        calls = {EAGER: partial(network, inputs), **calls}
        times = median_times(calls, args.rounds, args.threads)
    return [{**row, 'ms': times[row['name']]} for row in rows]


def _row(file: Path, comparison: Comparison) -> dict[str, Any]:
    """What is known of a file; one in int8 is compared with that in float32."""
    return dict(
        megabytes=sum(path.stat().st_size for path in files_of(file)) / 1e6,
        largest=comparison.largest,
        agreeing=comparison.agreeing,
        images=comparison.images,
        accuracy=None if comparison.after is None else 100 * comparison.after,
    )


def tables(rows: list[dict[str, Any]]) -> dict[str, str]:
    """The table of the page."""
    head = ['file', 'size', 'ms', 'of PyTorch', 'largest difference', 'predictions']
    eager, lines = rows[0]['ms'], []
    for row in rows:
        cells = [row['name'], *[''] * 5, '']
        if 'megabytes' in row:
            cells[1] = f'{row["megabytes"]:.2f} MB'
            cells[4] = f'{row["largest"]:.2g}'
            cells[5] = f'{row["agreeing"]} of {row["images"]} equal'
            if row['accuracy'] is not None:
                cells[6] = f'{row["accuracy"]:.2f} %'
        cells[2], cells[3] = f'{row["ms"]:.2f}', f'{row["ms"] / eager:.2f}'
        lines.append(cells)
    return dict(formats=table([*head, 'accuracy'], lines))


def main() -> None:
    parser = config_parser(__doc__, loads=False)
    parser.add_argument('checkpoint', help='subnet.pth of a child')
    parser.add_argument(
        '--rounds', type=int, default=50, help='rounds of all files (%(default)s)'
    )
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of each (%(default)s)'
    )
    parser.add_argument(
        '--int8', type=int, default=200, help='images to calibrate with (%(default)s)'
    )
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows = measure(args, Path(folder))
    write_json(FILE, dict(threads=args.threads, rounds=args.rounds, rows=rows))
    write_tables(PAGE, tables(rows))
    print(*tables(rows).values())


if __name__ == '__main__':
    main()
