"""A step inside mmengine's Runner, by turns with the bare one of the same model."""

import os
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import DATASETS, FUNCTIONS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmdsnas.engine import AtomicCheckpointHook
from mmdsnas.engine.hooks.utils import algorithm_of, common_seed
from .memory import fill_states
from .timing import quartiles, ratio, timed, wait_for
from .workload import Workload


@DATASETS.register_module(force=True)
class RepeatedBatch(Dataset):
    """Always the same batch, whole.

    Args:
        workload (dict): Arguments of the ``Workload``.
        num_classes (int): Of its labels.
        length (int): How often it comes.
    """

    def __init__(self, workload: dict[str, Any], num_classes: int, length: int) -> None:
        self.batch = Workload(**workload).batch(num_classes)
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.batch


@FUNCTIONS.register_module(force=True)
def as_it_is(batch: Any) -> Any:
    """The collate function of batches that are whole already."""
    return batch


class TurnsHook(Hook):
    """Lets a bare step follow every iteration, and times both.

    An iteration lasts from the end of this hook's last call to its next one: it is
    the last of the hooks, so that all others, the data loader and the loop count.
    The bare step has the same path, model, optimizers and batch.

    Args:
        device (str): Is waited for around each.
        warmup (int): Iterations that do not count.
    """

    priority = 'LOWEST'

    def __init__(self, device: str, warmup: int) -> None:
        self.device = device
        self.warmup = warmup
        self.runner_times: list[float] = []
        self.bare_times: list[float] = []
        self.runner_cpu: list[float] = []
        self.bare_cpu: list[float] = []
        self._began = (0.0, 0.0)

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Ends an iteration, makes the bare step and begins the next."""
        wait_for(self.device)
        wall = time.perf_counter() - self._began[0]
        cpu = time.process_time() - self._began[1]

        def bare() -> None:
            algorithm = algorithm_of(runner)
            algorithm.begin(iteration=runner.iter, seed=common_seed(runner))
            runner.model.train_step(data_batch, runner.optim_wrapper)

        took = timed(bare, self.device)
        if batch_idx >= self.warmup:
            self.runner_times.append(wall)
            self.runner_cpu.append(cpu)
            self.bare_times.append(took['wall'])
            self.bare_cpu.append(took['cpu'])
        self._began = (time.perf_counter(), time.process_time())


def in_runner(workload: Workload, rounds: int, warmup: int) -> dict[str, Any]:
    """Times iterations of a Runner with the config's own hooks.

    Args:
        workload (Workload): What is measured.
        rounds (int): Iterations that count; those that are logged count too.
        warmup (int): Iterations before them.

    Returns:
        dict: ``wall``, ``bare``, ``ratio``, ``cpu_ratio`` (quartiles), ``mean_ratio``
        and ``mean_cpu_ratio`` (of the sums of all iterations), ``checkpoint``, see
        :func:`checkpoint`.
    """
    with tempfile.TemporaryDirectory() as folder:
        runner = build_runner(workload, warmup + rounds, folder)
        hook = TurnsHook(workload.device, warmup)
        runner.register_hook(hook, 'LOWEST')
        runner.train()
        saved = checkpoint(runner, Path(folder))
    return dict(
        wall=quartiles(hook.runner_times),
        bare=quartiles(hook.bare_times),
        ratio=ratio(hook.runner_times, hook.bare_times),
        cpu_ratio=ratio(hook.runner_cpu, hook.bare_cpu),
        mean_ratio=sum(hook.runner_times) / sum(hook.bare_times),
        mean_cpu_ratio=sum(hook.runner_cpu) / sum(hook.bare_cpu),
        checkpoint=saved,
    )


def build_runner(workload: Workload, length: int, folder: str) -> Runner:
    """A Runner of one epoch of the search stage, with the config's hooks.

    Args:
        workload (Workload): What is searched.
        length (int): Iterations of the epoch.
        folder (str): Its work directory.
    """
    config = workload.load()
    config.work_dir = folder
    config.experiment_name = uuid.uuid4().hex
    config.log_level = 'ERROR'
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    for name in ('val', 'test'):
        for part in ('cfg', 'dataloader', 'evaluator'):
            config[f'{name}_{part}'] = None
    config.train_dataloader = dict(
        batch_size=None,
        num_workers=0,
        dataset=dict(
            type='mmengine.RepeatedBatch',
            workload=vars(workload),
            num_classes=config.model.architecture.head.num_classes,
            length=length,
        ),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='mmengine.as_it_is'),
    )
    return Runner.from_cfg(config)


def checkpoint(runner: Runner, folder: Path, times: int = 3) -> dict[str, float]:
    """Time and size of a checkpoint when every candidate has been trained.

    Args:
        runner (Runner): After training.
        folder (Path): Where it is written.
        times (int): How often; the fastest counts, disks differ from time to time.

    Returns:
        dict: ``seconds`` and ``bytes``.
    """
    fill_states(runner.optim_wrapper['architecture'])
    hook = next(h for h in runner.hooks if isinstance(h, AtomicCheckpointHook))

    def save() -> None:
        runner.save_checkpoint(str(folder), 'timed.pth', backend_args=hook.backend_args)

    seconds = min(timed(save)['wall'] for _ in range(times))
    return dict(seconds=seconds, bytes=os.path.getsize(folder / 'timed.pth'))
