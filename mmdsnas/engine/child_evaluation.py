"""The evaluation of a search's child on data that the search never saw."""

from typing import Any, Dict, List, Mapping, Optional

from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas.subnets import build_child, child_config
from mmdsnas.subnets.checkpoint import load_checkpoint
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.utils.data_sets import data_sets
from mmdsnas.utils.plain import plain
from mmdsnas.utils.ranks import on_rank_0
from .evaluation import evaluate

# Where the meta of a child's file has the metrics.
KEY = 'test_metrics'


def has_test_data(runner: Runner) -> bool:
    """Whether a run validates, and has other data to test its child on."""
    val, test = (runner.cfg.get(f'{name}_dataloader') for name in ('val', 'test'))
    if runner.val_loop is None or not val or not test:
        return False
    return _images(val) != _images(test)


def _images(loader: Mapping[str, Any]) -> List[Any]:
    """What says which images a loader has; how they are loaded does not."""
    return [
        part._replace(config={k: v for k, v in part.config.items() if k != 'pipeline'})
        for part in data_sets(loader)
    ]


def evaluate_child(runner: Runner, path: str) -> Optional[Dict[str, Any]]:
    """Evaluates a child as its file has it, once.

    Args:
        runner (Runner): Of the search; gives data and metrics.
        path (str): ``subnet.pth``, on the machine of rank 0.

    Returns:
        dict, optional: The file's checkpoint with the metrics in its ``meta``; None if
        it had them.
    """
    checkpoint = on_rank_0(lambda: load_checkpoint(path), 'load the child')
    if KEY in meta_of(checkpoint):
        return None
    # Not by what the file says: the run's classes need not be registered, and the
    # file may have lain there before.
    config = child_config(runner.cfg)
    if config is None:
        runner.logger.warning(
            'The child is not tested: its config does not say how it is built.'
        )
        return None
    child = build_child(Config(config), checkpoint, path)
    child.to(next(runner.model.parameters()).device)
    metrics = plain(evaluate(child.val_step, runner.test_loop))
    return {**checkpoint, 'meta': {**meta_of(checkpoint), KEY: metrics}}
