"""What a training step costs with each estimator of alpha's gradient.

Steps of the search stage on the same batch and the same paths, estimator by estimator
in turn, in processor time of one thread. A few minutes; results go to
benchmarks/results/steps.json.
"""

import argparse
import statistics

import torch
from mmcls.structures import ClsDataSample
from mmengine.config import Config

from mmdsnas.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from mmdsnas.utils.random_state import random_states_kept
from ..output import RESULTS, write_json
from ..speed.timing import take_turns
from .training import CONFIGS

FILE = RESULTS / 'steps.json'
WARMUP = 3
SUPERNETS = {
    'ShuffleNetV2, 8 blocks of 4 candidates': 'rewards_shufflenet.py',
    'chain, 4 blocks of 3 candidates': 'search.py',
}
ESTIMATORS = (
    *('DSNASGradient', 'AdditiveGradient', 'CounterfactualGradient'),
    'PairedGradient',
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
        steps = {name: EstimatorStep(config, name) for name in ESTIMATORS}
        times = take_turns(steps, args.rounds, WARMUP)
        medians = {name: statistics.median(found.cpu) for name, found in times.items()}
        found[title] = {
            name: dict(milliseconds=1e3 * value, ratio=value / medians[ESTIMATORS[0]])
            for name, value in medians.items()
        }
        print(title)
        for name, row in found[title].items():
            print(f'  {name:24}{row["milliseconds"]:8.1f} ms{row["ratio"]:8.2f}')
    write_json(FILE, found)


class EstimatorStep:
    """A step of the search stage, whose paths are drawn from uniform probabilities.

    Args:
        config_name (str): A config of the benchmark.
        estimator (str): Its type.
    """

    def __init__(self, config_name: str, estimator: str) -> None:
        config = Config.fromfile(CONFIGS / config_name)
        config.model.gradient_estimator = dict(type=estimator)
        # The k-th step of all has the same path.
        config.model.mutator.init_std = 0.0
        config.model.mutator.fix_threshold = None
        config.model.update(pretrain_epochs=0, finetune_epochs=10)
        config.optim_wrapper.mutator.optimizer.lr = 0.0
        with random_states_kept(0), MODELS.switch_scope_and_registry('mmdsnas'):
            self.model = MODELS.build(config.model)
            shape = (
                config.train_dataloader.batch_size,
                *self.model.resource_estimator.input_shape[1:],
            )
            images = torch.randint(256, shape, dtype=torch.uint8)
        samples = [ClsDataSample().set_gt_label(k % 10) for k in range(len(images))]
        self.batch = dict(inputs=images, data_samples=samples)
        options = dict(config.optim_wrapper)
        constructor = dict(type=options.pop('constructor'), optim_wrapper_cfg=options)
        self.optimizers = OPTIM_WRAPPER_CONSTRUCTORS.build(constructor)(self.model)
        self.model.train()
        self.model.begin(epoch=0)

    def prepare(self, index: int) -> None:
        """Nothing is given: the search draws its path."""

    def run(self, index: int) -> None:
        """One iteration."""
        self.model.begin(iteration=index, seed=0)
        self.model.train_step(self.batch, self.optimizers)


if __name__ == '__main__':
    main()
