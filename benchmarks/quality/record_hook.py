from typing import Any, Dict, List

import torch
from mmengine.hooks import Hook

from mmdsnas.engine.hooks.utils import algorithm_of
from mmdsnas.models import Stage
from mmdsnas.models.cost import expected_cost
from mmdsnas.registry import HOOKS


@HOOKS.register_module()
class RecordHook(Hook):
    """Keeps what the benchmark tells of a search.

    Attributes:
        expected (list[float]): Mean MFLOPs of a path at the end of each epoch of the
            search stage.
        accuracy_in_search (float): Percent of the test images that the child gets
            right at the end of the search stage, before it is finetuned.
        probabilities (list[list[float]]): Of each block then.
    """

    def __init__(self) -> None:
        self.expected: List[float] = []
        self.accuracy_in_search = float('nan')
        self.probabilities: List[List[float]] = []

    def after_train_epoch(self, runner) -> None:
        """Looks at the distribution, and at the child before it is finetuned."""
        algorithm = algorithm_of(runner)
        with torch.no_grad():
            probs = algorithm.mutator.probs().double()
        if algorithm.stage is Stage.SEARCH:
            costs = algorithm.cost_table.matrix('flops')
            base = algorithm.cost_table.fixed_part.flops
            self.expected.append(base + expected_cost(probs, costs).item())
        if runner.epoch + 1 == algorithm.finetune_epochs:
            self.probabilities = probs.tolist()
            self.accuracy_in_search = accuracy(runner)

    def result(self) -> Dict[str, Any]:
        """What is kept, for a file."""
        return dict(
            expected_mflops=self.expected,
            accuracy_in_search=self.accuracy_in_search,
            probabilities=self.probabilities,
        )


@torch.no_grad()
def accuracy(runner) -> float:
    """Percent of the test images that a search's child gets right now."""
    runner.model.eval()
    right = number = 0
    for batch in runner.val_dataloader:
        for sample in runner.model.val_step(batch):
            right += int(sample.pred_label.label == sample.gt_label.label)
            number += 1
    runner.model.train()
    return 100 * right / number
