"""Measures a search step beside plain training, MMRazor's step and the authors'.

All variants of a step take turns in one process, on the same weights, batch and paths;
peak memory is measured in a process of its own for each. The same command serves the
CPU and a GPU; the sections are written as they are finished.
"""

import argparse
import json
import os
import re
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.errors import ConfigError
from ..output import RESULTS, write_json
from .machine import describe
from .report import report
from .sections import SECTIONS, Effort
from .workload import Workload

CONFIG = 'dsnas_supernet_8xb128_in1k'
DTYPES = {'float32': 'float32', 'bf16': 'bfloat16', 'bfloat16': 'bfloat16'}
# What is of the CPU: its time by part, ranks of gloo, data workers.
CPU_ONLY = ('parts', 'ranks', 'data', 'kept')


def parse_args() -> argparse.Namespace:
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument(
        '--config', default=CONFIG, help='path or name of a search (%(default)s)'
    )
    args.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    args.add_argument('--batch-size', type=int, default=16, help='(%(default)s)')
    args.add_argument('--image-size', type=int, default=224, help='(%(default)s)')
    args.add_argument('--dtype', choices=DTYPES, default='float32')
    args.add_argument('--threads', type=int, default=2, help='of the CPU (%(default)s)')
    args.add_argument('--rounds', type=int, default=20, help='that count (%(default)s)')
    args.add_argument('--warmup', type=int, default=5, help='before (%(default)s)')
    args.add_argument(
        '--paths', type=int, default=4, help='taken in turn (%(default)s)'
    )
    args.add_argument(
        '--only',
        nargs='+',
        choices=SECTIONS,
        metavar='SECTION',
        help='some of %(choices)s, beside what the file has already; on a GPU all but '
        'ranks, data and kept by default',
    )
    args.add_argument(
        '--out', type=Path, help=f'JSON file ({RESULTS.name}/speed_....json)'
    )
    return args.parse_args()


def kept_sections(file: Path, result: dict[str, Any]) -> dict[str, Any]:
    """What a file has already, where some sections are measured anew.

    Args:
        file (Path): It may not be there.
        result (dict): With ``machine``, ``workload`` and ``effort``.

    Returns:
        dict: Its sections.

    Raises:
        ConfigError: They are of another workload, effort or machine.
    """
    if not file.exists():
        return {}
    before = json.loads(file.read_text())
    other = [
        f'{part}.{name} is {before[part].get(name)} there and {value} now'
        for part in ('machine', 'workload', 'effort')
        for name, value in result[part].items()
        if name != 'load' and before[part].get(name) != value
    ]
    if other:
        raise ConfigError(
            f'--out must be a new file where --only measures otherwise than {file} '
            f'did: {"; ".join(other)}.'
        )
    return before['sections']


def default_file(args: argparse.Namespace, device: str) -> Path:
    """One file for the CPU; for GPUs one for each model, precision and batch.

    Args:
        args (Namespace): Of the command.
        device (str): Name of the device.
    """
    if args.device == 'cpu':
        return RESULTS / 'speed_cpu.json'
    slug = re.sub(r'\W+', '-', device).strip('-').lower()
    return RESULTS / f'speed_{slug}_{DTYPES[args.dtype]}_{args.batch_size}.json'


@show_user_errors
def main() -> None:
    args = parse_args()
    if args.warmup < args.paths:
        raise ConfigError(
            f'--warmup must be at least --paths, {args.paths}, so that each child has '
            f'made a step before, but is {args.warmup}.'
        )
    warnings.simplefilter('ignore')
    if args.device == 'cpu':
        # mmengine takes a GPU where it sees one.
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    torch.set_num_threads(args.threads)
    workload = Workload(
        config=args.config,
        device=args.device,
        batch_size=args.batch_size,
        image_size=args.image_size,
        dtype=DTYPES[args.dtype],
        num_paths=args.paths,
    )
    effort = Effort(args.rounds, args.warmup)
    names = args.only or [
        name for name in SECTIONS if args.device == 'cpu' or name not in CPU_ONLY
    ]
    result: dict[str, Any] = dict(
        machine=describe(args.device),
        workload=asdict(workload),
        effort=effort._asdict(),
        sections={},
    )
    out = args.out or default_file(args, result['machine']['device'])
    if args.only:
        result['sections'] = kept_sections(out, result)
    for name in names:
        print(f'{name} ...', flush=True)
        result['sections'][name] = SECTIONS[name](workload, effort)
        write_json(out, result)
    print(f'\n{report(result)}\n\nWritten: {out}')


if __name__ == '__main__':
    main()
