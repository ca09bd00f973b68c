"""What a training step costs with each estimator of alpha's gradient.

Steps of the search stage on the same batch and the same paths, estimator by estimator
in turn, in processor time of one thread. A few minutes; results go to
benchmarks/results/steps.json.
"""

import argparse
import statistics
import time
from itertools import count
from typing import Callable, Dict, List

import torch
from mmcls.structures import ClsDataSample
from mmengine.config import Config

from mmdsnas.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from mmdsnas.utils.random_state import seeded_aside
from .jobs import RESULTS, write_json
from .training import CONFIGS

FILE = RESULTS / 'steps.json'
SUPERNETS = {
    'ShuffleNetV2, 8 blocks of 4 candidates': 'rewards_shufflenet.py',
    'chain, 4 blocks of 3 candidates': 'search.py',
}
ESTIMATORS = (
    *('DSNASGradient', 'CounterfactualGradient', 'PairedGradient'),
    *('ScoreFunctionGradient', 'GDASGradient', 'ProxylessGradient'),
    *('SNASGradient', 'DARTSGradient'),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--rounds', type=int, default=60, help='steps of each estimator (%(default)s)'
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for title, config in SUPERNETS.items():
        steps = {name: step_of(config, name) for name in ESTIMATORS}
        seconds = measure(steps, args.rounds)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        found[title] = {
            name: dict(milliseconds=1e3 * value, ratio=value / medians[ESTIMATORS[0]])
            for name, value in medians.items()
        }
        print(title)
        for name, row in found[title].items():
            print(f'  {name:24}{row["milliseconds"]:8.1f} ms{row["ratio"]:8.2f}')
    write_json(FILE, found)


def measure(
    steps: Dict[str, Callable[[], None]], rounds: int, warm_up: int = 3
) -> Dict[str, List[float]]:
    """Processor time of calls that take turns.

    Args:
        steps (dict[str, Callable]): By name.
        rounds (int): Calls of each.
        warm_up (int): Rounds before these.

    Returns:
        dict[str, list[float]]: Seconds of each call, by name.
    """
    seconds: Dict[str, List[float]] = {name: [] for name in steps}
    for k in range(warm_up + rounds):
        for name, step in steps.items():
            began = time.process_time()
            step()
            if k >= warm_up:
                seconds[name].append(time.process_time() - began)
    return seconds


def step_of(config_name: str, estimator: str) -> Callable[[], None]:
    """A step of the search stage, whose paths are drawn from uniform probabilities.

    Args:
        config_name (str): A config of the benchmark.
        estimator (str): Its type.

    Returns:
        Callable: Takes the next step.
    """
    config = Config.fromfile(CONFIGS / config_name)
    config.model.gradient_estimator = dict(type=estimator)
    # The k-th step of all has the same path.
    config.model.mutator.init_std = 0.0
    config.model.mutator.fix_threshold = None
    config.model.update(pretrain_epochs=0, finetune_epochs=10)
    config.optim_wrapper.mutator.optimizer.lr = 0.0
    with seeded_aside(0), MODELS.switch_scope_and_registry('mmdsnas'):
        model = MODELS.build(config.model)
        shape = (
            config.train_dataloader.batch_size,
            *model.resource_estimator.input_shape[1:],
        )
        images = torch.randint(256, shape, dtype=torch.uint8)
    samples = [ClsDataSample().set_gt_label(k % 10) for k in range(len(images))]
    options = dict(config.optim_wrapper)
    constructor = dict(type=options.pop('constructor'), optim_wrapper_cfg=options)
    wrapper = OPTIM_WRAPPER_CONSTRUCTORS.build(constructor)(model)
    model.train()
    model.begin_epoch(0)
    iterations = count()

    def step() -> None:
        model.begin_iteration(next(iterations), seed=0)
        model.train_step(dict(inputs=images, data_samples=samples), wrapper)

    return step


if __name__ == '__main__':
    main()
