"""Latencies by a command: how well sums predict, and whether limits are kept.

The device is simulated: ONNX Runtime with one thread on one core, by
``tools/device/onnxruntime.sh``. Paths that no table is made of are predicted and
measured; searches with ten limits each end, and their children are measured anew. An
interrupted command goes on; the tables come into the documentation.
"""

import statistics
from pathlib import Path
from typing import Any, Mapping

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmdsnas
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.cost import prediction_errors, random_paths
from mmdsnas.models.cost.additive import num_effects
from mmdsnas.models.cost.device_command import run_command
from mmdsnas.models.cost.device_latency import PER_EFFECT, SEED
from mmdsnas.models.cost.network_files import NetworkFiles
from mmdsnas.registry import MODELS
from .jobs import parser, run_jobs
from .output import DOCS, RESULTS, table, write_json, write_tables

FILE = RESULTS / 'device.json'
PAGE = DOCS / 'user_guides' / 'latency.md'
COMMAND = 'tools/device/onnxruntime.sh {model}'
SPACES = 'digits', 'pretrained'
DIGITS = 'dsnas_supernet_1xb64_digits'
LITE = 'configs/dsnas/_base_/models/efficientnet_lite0_elastic.py'
PATHS, LIMITS = 20, 10
KINDS = dict(paths='the table', single='one block at a time, twice')
# Short: what the distribution is does not matter to the limit.
SEARCH = {
    'train_cfg.max_epochs': 6,
    'train_cfg.val_interval': 6,
    'model.pretrain_epochs': 1,
    'model.finetune_epochs': 4,
    'default_hooks.report': None,
    'default_hooks.compare_child': None,
}


def main() -> None:
    arguments = parser(__doc__, 'device').parse_args()
    folder = arguments.folder.resolve()
    jobs = {f'paths-{name}': (predict, (name, str(folder))) for name in SPACES}
    jobs |= {f'single-{name}': (replace, (name, str(folder))) for name in SPACES}
    found = run_jobs(jobs, folder, 1)
    jobs = {f'search-{k}': (search, (k, str(folder))) for k in range(LIMITS)}
    found |= run_jobs(jobs, folder, 1)
    write_json(FILE, found)
    write_tables(PAGE, tables(found))


def model_of(space: str, **estimator: Any) -> DSNAS:
    """The search of a space; options of its estimator may be given."""
    torch.set_num_threads(1)
    init_default_scope('mmdsnas')
    if space == 'digits':
        options = {f'model.resource_estimator.{k}': v for k, v in estimator.items()}
        return build_model(load_config(DIGITS, options))
    model = Config.fromfile(Path(__file__).parents[1] / LITE).model
    # What the weights are does not matter here.
    model.architecture.backbone.backbone.init_cfg = None
    model.resource_estimator.update(estimator)
    return MODELS.build(model)


def _measured(space: str, folder: str) -> DSNAS:
    latency = dict(
        command=COMMAND, held_out=PATHS, file=f'{folder}/{space}-latency.json'
    )
    return model_of(space, latency=latency)


def predict(space: str, folder: str) -> dict[str, Any]:
    """Measures a space, and paths that its table is not made of.

    Returns:
        dict: ``paths``, a list of measured and predicted ms, and how many ``networks``
        the table is made of.
    """
    model = _measured(space, folder)
    kept = model.resource_estimator.meters['latency'].kept.read()
    networks = PER_EFFECT * num_effects(_choices(model))
    return dict(paths=kept.tables[-1].held_out, networks=networks)


def replace(space: str, folder: str) -> dict[str, Any]:
    """Predicts the same paths by networks in which one block is another.

    What a candidate takes is the difference from the network of first candidates. Each
    is measured twice, so that there are as many measurements.
    """
    model = _measured(space, folder)
    meter, choices = model.resource_estimator.meters['latency'], _choices(model)
    files = NetworkFiles(model.architecture, meter.input_shape, 'onnx')

    def measured(path: dict[str, str], number: int) -> float:
        return statistics.median(meter._measure(files.of(path), number))

    first = {block: own[0] for block, own in choices.items()}
    base = measured(first, PER_EFFECT)
    effects = {
        (block, c): measured({**first, block: c}, PER_EFFECT) - base
        for block, own in choices.items()
        for c in own[1:]
    }
    held_out = random_paths(choices, PATHS, SEED)
    paths = [
        (measured(path, 1), base + sum(effects.get(item, 0.0) for item in path.items()))
        for path in held_out
    ]
    return dict(paths=paths, networks=1 + len(effects))


def _choices(model: DSNAS) -> dict[str, list[str]]:
    return {block: list(row) for block, row in model.cost_table.blocks.items()}


def search(number: int, folder: str) -> dict[str, Any]:
    """Searches digits within one of some limits, and measures the child anew.

    Returns:
        dict: ``limit``, ``first`` and ``child``, all in ms: of the child by the sum of
        its candidates, as it was measured when it was chosen, and ``anew``.
    """
    model = _measured('digits', folder)
    latency = model.resource_estimator._options['latency']
    least, most = model.cost_table.cost_range('latency')
    limit = least + (most - least) * (number + 0.5) / LIMITS
    options = {
        **SEARCH,
        'model.resource_estimator.latency': latency,
        'model.cost': dict(limit=dict(latency=limit)),
        'randomness.seed': number,
    }
    result = mmdsnas.search(DIGITS, f'{folder}/runs/{number}', **options)
    subnet = result.subnet
    path = {block: subnet[block] for block in model.cost_table.blocks}
    groups = {g: path[b[0]] for g, b in model.cost_table.groups.items()}
    meter = model.resource_estimator.meters['latency']
    file = Path(folder, f'child-{number}.onnx')
    file.write_bytes(
        NetworkFiles(model.architecture, meter.input_shape, 'onnx').of(path)
    )
    return dict(
        limit=limit,
        predicted=model.cost_table.cost(groups)['latency'],
        child=result.cost['latency_ms'],
        anew=run_command(COMMAND, file, 600.0),
    )


def tables(found: Mapping[str, Any]) -> dict[str, str]:
    """Tables of the page, by the names of their places."""
    rows = []
    for space in SPACES:
        for kind, words in KINDS.items():
            of = found[f'{kind}-{space}']
            measured, predicted = zip(*of['paths'])
            errors = prediction_errors(measured, predicted)
            shares = [errors.median, errors.mean, errors.largest]
            rows.append(
                [
                    *(space, f'{min(measured):.3f} to {max(measured):.3f}', words),
                    *(of['networks'], *(f'{share:.1f} %' for share in shares)),
                    f'{errors.tau:.2f}',
                ]
            )
    head = ['space', f'{PATHS} random paths, ms', 'predicted by', 'networks']
    head += ['median error', 'mean error', 'largest error', "Kendall's tau"]
    predictions = table(head, rows)
    searches = [found[f'search-{k}'] for k in range(LIMITS)]
    head = ['limit, ms', 'child by its sum', 'as a whole, at most', 'measured again']
    rows = [
        [f'{s[name]:.4f}' for name in ('limit', 'predicted', 'child', 'anew')]
        for s in searches
    ]
    kept = sum(s['anew'] <= s['limit'] for s in searches)
    limits = table(head, rows) + f'\n\n{kept} of {len(rows)} are within their limit.'
    return {'device-paths': predictions, 'device-limits': limits}


if __name__ == '__main__':
    main()
