"""The network that a search begins with, among those that its child is held against."""

from pathlib import Path as FilePath
from typing import Callable

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmdsnas.models import DSNAS
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.utils.files import going_on
from mmdsnas.visualization.csv_files import write_compared
from mmdsnas.visualization.predictions import WHOLE, ComparedNetwork
from .evaluation import evaluate, has_test_data, no_side_effects
from .hooks.checkpoint.ema_hook import averaged_weights
from .hooks.utils import algorithm_of

ACCURACY = 'accuracy/top1'


def allows_whole(algorithm: DSNAS, confirms: Callable[[Path], bool]) -> bool:
    """Whether the path of first candidates is within the limits, if there are any.

    Args:
        algorithm (DSNAS): The search, which is of images as they come.
        confirms (Callable): Whether a path is, whose sum is: ``is_within`` or
            ``confirms`` of it.
    """
    path = algorithm.first_path()
    is_full = algorithm.child_edge == algorithm.edge
    return is_full and algorithm.cost_term.allows(path) and confirms(path)


def keep_whole_network(runner: Runner) -> None:
    """Evaluates the path of first candidates, and begins ``compared.csv`` with it.

    It is evaluated on the images of the child's test, else on those of the validation.
    """
    if runner.val_loop is None:
        return
    algorithm = algorithm_of(runner)
    loop = runner.test_loop if has_test_data(runner) else runner.val_loop
    path, edge, cost = algorithm.first_path(), algorithm.edge, algorithm.whole_cost
    with averaged_weights(runner), no_side_effects(algorithm):
        with algorithm.executing(path, edge):
            accuracy = evaluate(algorithm.val_step, loop).get(ACCURACY)
    if accuracy is None:
        return
    images = len(loop.dataloader.dataset)
    costs = [cost[name] for name in ('flops', 'params')]
    row = ComparedNetwork(WHOLE, edge, *costs, accuracy, images)
    runner.logger.info(f'{WHOLE}: {accuracy:.2f} % of {images} images are right.')
    if is_main_process():
        with going_on():
            write_compared(FilePath(runner.work_dir), [row])
