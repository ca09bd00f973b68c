"""One training of the benchmark."""

from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from ..running import run
from .record_hook import RecordHook

CONFIGS = Path(__file__).parent / 'configs'


def train(
    name: str,
    seed: int,
    options: dict[str, Any] | None = None,
    prepare: Callable[[BaseModel], None] | None = None,
    hooks: Sequence[Hook] = (),
) -> tuple[Runner, dict[str, float]]:
    """Trains a config of the benchmark from beginning to end.

    Args:
        name (str): Its path below ``configs``.
        seed (int): Seed of the run.
        options (dict, optional): As ``--cfg-options`` gives them.
        prepare (Callable, optional): Gets the model before it is trained.
        hooks (Sequence[Hook]): More than the config has.

    Returns:
        tuple: The runner at its end, and ``accuracy`` (percent of the test images,
        of the child) and ``cpu_seconds``.
    """
    runner, seconds = run(CONFIGS / name, seed, options, prepare, hooks)
    accuracy = runner.message_hub.get_scalar('val/accuracy/top1').current()
    # Of 10,000 images; a float32 has more digits.
    return runner, dict(accuracy=round(float(accuracy), 2), cpu_seconds=seconds)


def train_child(subnet: Mapping[str, str], seed: int) -> dict[str, float]:
    """Trains a child from scratch; see :func:`train` for what is returned."""
    return train('child.py', seed, {'model.fix_subnet': dict(subnet)})[1]


def run_search(
    method: str,
    seed: int,
    options: dict[str, Any] | None = None,
    all_paths: bool = False,
) -> dict[str, Any]:
    """Runs a search.

    Args:
        method (str): Name of a config below ``configs/methods``.
        seed (int): Seed of the run.
        options (dict, optional): As ``--cfg-options`` gives them.
        all_paths (bool): See ``RecordHook``.

    Returns:
        dict: ``child`` (candidates in the order of the blocks), its ``mflops``, what
        :func:`train` returns, and what ``RecordHook`` keeps.
    """
    record = RecordHook(all_paths)
    runner, result = train(f'methods/{method}.py', seed, options, hooks=[record])
    algorithm = runner.model
    child = algorithm.mutator.derive_child()
    return dict(
        **result,
        **record.result(),
        child=list(child.values()),
        mflops=algorithm.cost_table.cost(child)['flops'],
    )
