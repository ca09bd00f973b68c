"""Searches with several limits on own photos, beside searches with one of them.

One run has 1.6 times the processor time of a search with one limit, by steps that are
timed side by side, as `make own-images` plans it. An interrupted command goes on; the
table comes into the documentation by ``python -m benchmarks.own_images.report``.
"""

import json
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from mmengine.registry import init_default_scope

import mmdsnas
from mmdsnas.launch import time_plan
from mmdsnas.launch.building import build_model
from mmdsnas.launch.children import load_child
from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.search_times import BESIDES, Times, scored_images
from mmdsnas.registry import HOOKS
from ..jobs import parser, run_jobs
from ..output import RESULTS, write_json
from .rows import FILE, OTHERS, TIMES, time_name
from .training import CONFIG, EPOCHS, accuracy_on, options_of

FRONTS = RESULTS / 'own_images_fronts.json'
# The loosest first.
LIMITS = ('100%', '50%', '25.1%')
# In the time of a search with one limit.
BUDGET = 1.6


def main() -> None:
    made = parser(__doc__, 'own_images_fronts')
    made.add_argument('data_root', help='folder of the photos, of a folder a class')
    made.add_argument('--seeds', type=int, default=3, help='(%(default)s)')
    arguments = made.parse_args()
    folder = arguments.folder
    known = json.loads(FRONTS.read_text()) if FRONTS.exists() else {}
    for name, result in known.items():
        if not (folder / f'{name}.json').exists():
            write_json(folder / f'{name}.json', result)
    whole = json.loads(FILE.read_text())[TIMES][time_name(OTHERS[0], None)]
    jobs = {}
    for seed in range(arguments.seeds):
        work = str(folder / 'runs' / f'front-{seed}')
        jobs[f'front-{seed}'] = search, (arguments.data_root, seed, work, whole)
    found = run_jobs(jobs, folder, arguments.workers)
    write_json(FRONTS, {**known, **found})


def search(data_root: str, seed: int, folder: str, whole: float) -> dict[str, Any]:
    """Runs a search with several limits, and evaluates its children.

    Args:
        data_root (str): The photos.
        seed (int): Of the random numbers.
        folder (str): Gets the run.
        whole (float): Processor seconds of a step of the whole network for an image.

    Returns:
        dict: ``children``, a list of dicts with ``limit``, ``correct`` of ``images``,
        ``mflops``, ``input_size``, ``epochs`` and ``path``; processor ``seconds``.
    """
    torch.set_num_threads(1)
    init_default_scope('mmdsnas')
    options = options_of(data_root, None, seed)
    options['model.cost'] = dict(limits=list(LIMITS))
    config = load_config(CONFIG, options)
    algorithm, number = build_model(config), config.own_images.num_images
    hook = HOOKS.build(config.custom_hooks[0])
    images = hook.num_batches * config.train_dataloader.batch_size
    parts = [float(limit.strip('%')) / 100 for limit in LIMITS]
    times = Times(
        *(whole, 0.0, 0, parts, scored_images(algorithm, images)),
        trials=[hook.trial_part * (part < 1) for part in parts],
    )
    seconds = BUDGET * EPOCHS * number * whole / (1 - BESIDES)
    options['own_images.minutes'] = seconds / 60
    begin = time.process_time()
    # What the plan is made by is the same whatever the machine does now.
    with mock.patch.object(time_plan, '_measure', lambda *_: times):
        found = mmdsnas.search(CONFIG, Path(folder), **options)
    seconds = time.process_time() - begin
    children = []
    for row in found.front:
        child = load_child(found.work_dir / row.file)
        correct, images = accuracy_on(child, data_root)
        meta = torch.load(found.work_dir / row.file, weights_only=True)['meta']
        children.append(
            dict(
                limit=row.limit,
                correct=correct,
                images=images,
                mflops=row.mflops,
                input_size=row.input_size,
                epochs=meta['plan']['max_epochs'],
                path=row.path,
            )
        )
    return dict(children=children, seconds=seconds)


if __name__ == '__main__':
    main()
