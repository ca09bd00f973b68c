"""The evaluation of a search's child on data that the search never saw."""

from typing import Any, Dict, List, Mapping, Optional

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner

from mmdsnas.errors import CheckpointError
from mmdsnas.subnets import child_config
from mmdsnas.subnets.checkpoint import load_checkpoint, meta_of
from mmdsnas.utils.data_sets import data_sets
from mmdsnas.utils.plain import plain
from .evaluation import evaluate

# Where the meta of a child's file has the metrics.
KEY = 'test_metrics'


def has_test_data(runner: Runner) -> bool:
    """Whether a run validates, and has other data to test its child on."""
    val, test = (runner.cfg.get(f'{name}_dataloader') for name in ('val', 'test'))
    if runner.val_loop is None or not val or not test:
        return False
    return _images(val) != _images(test)


def keep_test(checkpoint: Dict[str, Any], path: str) -> None:
    """Takes over the metrics of a test of the same child, before its file is rewritten.

    A finished run that is resumed validates its child again.

    Args:
        checkpoint (dict): The child; its ``meta`` is changed in place.
        path (str): ``subnet.pth``, if it is there.
    """
    try:
        before = load_checkpoint(path)
    except CheckpointError:
        # There is none, or a damaged one, which says nothing.
        return
    old, new = before['state_dict'], checkpoint['state_dict']
    same = old.keys() == new.keys() and all(torch.equal(old[k], new[k]) for k in new)
    if same and KEY in meta_of(before):
        checkpoint['meta'][KEY] = meta_of(before)[KEY]


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
    # Here, as torch.export takes its time to import.
    from mmdsnas.subnets.built_child import build_child

    found: List[Any] = [None, None]
    if is_main_process():
        try:
            found[0] = load_checkpoint(path)
        except CheckpointError as error:
            # The others wait for an answer.
            found[1] = error
    broadcast_object_list(found)
    checkpoint, error = found
    if error is not None:
        raise error
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
    metrics = evaluate(child.val_step, runner.test_loop)
    checkpoint['meta'] = {**meta_of(checkpoint), KEY: plain(metrics)}
    return checkpoint
