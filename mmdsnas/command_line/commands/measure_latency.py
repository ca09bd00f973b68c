"""Measures a search's table of latencies, and how well its sums predict children."""

import argparse
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.errors import ConfigError
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.cost import random_paths
from mmdsnas.models.cost.device_latency import (
    DeviceLatencyMeter,
    LatencyMeter,
    latency_meter,
)
from mmdsnas.subnets import config_input_shape, subnet_of_path
from mmdsnas.utils.files import write_atomically
from mmdsnas.visualization.tables import cost_table, error_table

# Other children than those that the fixed part was measured on.
SEED = 1


@show_user_errors
def main() -> None:
    parser = config_parser(__doc__)
    parser.add_argument('--backend', help='pytorch or onnxruntime')
    parser.add_argument('--threads', type=int, help='threads on the CPU')
    parser.add_argument(
        '--command',
        help='measures on a device in place of a backend, as in '
        "'./bench.sh {model}', which prints milliseconds",
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='JSON file of the table, measured only if it is not there or does not fit',
    )
    parser.add_argument(
        '--paths',
        type=int,
        default=20,
        metavar='N',
        help='random children that the sums are compared with (default: 20)',
    )
    parser.add_argument(
        '--report',
        metavar='FILE',
        help='JSON file for that comparison; keeps those of other backends',
    )
    args = parser.parse_args()
    if args.paths < 1:
        parser.error(f'--paths must be at least 1, but is {args.paths}')
    config, meter = load(args)
    model: DSNAS = build_model(config)
    mutator, supernet = model.mutator, model.architecture
    choices = {name: mutator.choices(name) for name in mutator.search_groups}
    paths = random_paths(choices, args.paths, SEED)
    subnets = [subnet_of_path(model, path) for path in paths]
    children = {k: build_model(config, subnet) for k, subnet in enumerate(subnets)}

    table, measured = meter.table_and_networks(supernet, children)
    costs = model.cost_table.measured('latency', table.blocks, table.fixed_part)
    setting = table.setting
    print('\n'.join(f'{name}: {value}' for name, value in setting.items()))
    print(cost_table(costs))
    predicted = [costs.cost(path)['latency'] for path in paths]
    rows = [
        dict(measured_ms=measured[k], predicted_ms=predicted[k], subnet=subnet)
        for k, subnet in enumerate(subnets)
    ]
    print(error_table(rows))
    if args.report is not None:
        report = dict(config=args.config, **table.model_dump(), paths=rows)
        write_report(args.report, setting.get('backend') or setting['command'], report)


def load(args: argparse.Namespace) -> tuple[Config, LatencyMeter | DeviceLatencyMeter]:
    """Config of the search, and what measures its latencies."""
    config = load_config(args.config, args.options)
    model = config.model
    if not model.type.endswith('DSNAS'):
        raise ConfigError(
            f'{args.config} must be the config of a search, whose model is a DSNAS, '
            f'but its model is a {model.type}.'
        )
    estimator = dict(model.get('resource_estimator') or {})
    given = dict(
        backend=args.backend,
        threads=args.threads,
        command=args.command,
        file=args.out,
    )
    given = {name: value for name, value in given.items() if value is not None}
    own = estimator.pop('latency', None) or {}
    by_command = bool(args.command or 'command' in own and not args.backend)
    if by_command != ('command' in own):
        # What the config says of the other way to measure.
        own = {name: n for name, n in own.items() if name == 'batch_size'}
    latency = {**own, **given}
    # Latencies are measured below; no limit matters here.
    model.update(resource_estimator=estimator, cost=None)
    return config, latency_meter(config_input_shape(model), **latency)


def write_report(path: str, backend: str, report: dict[str, Any]) -> None:
    """Puts a report beside those of other backends that a file may have."""
    try:
        reports = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        reports = {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            '--report must be a file that this tool wrote, or one that does not exist '
            f'yet, but {path} is no JSON file.'
        ) from error
    with write_atomically(path) as temporary:
        text = json.dumps({**reports, backend: report}, indent=2)
        temporary.write_text(f'{text}\n', encoding='utf-8')
