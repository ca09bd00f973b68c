"""Steps on several ranks: real processes that exchange gradients by gloo."""

import os
import tempfile
from typing import Any

import torch
import torch.multiprocessing as mp
from mmengine.model import MMDistributedDataParallel
from torch import distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.futures import Future

from .timing import quartiles, timed
from .variants import FinetuneStep, PlainStep, SearchStep
from .workload import SEED, Workload, plain_dict

RANKS = (1, 2, 4)


class RankedStep:
    """A variant's step on each rank, which counts the bytes that it exchanges.

    Args:
        step (SearchStep | FinetuneStep | PlainStep): A step of one path.
        config (dict): Of the distributed wrapper.
    """

    def __init__(self, step: Any, config: dict[str, Any]) -> None:
        self.step = step
        options = {key: value for key, value in config.items() if key != 'type'}
        plain = isinstance(step, PlainStep)
        if not isinstance(step, SearchStep):
            # As SearchStageHook does: nothing is left out of a step.
            options['find_unused_parameters'] = False
        inner = step.children[0] if plain else step.algorithm
        self.model = MMDistributedDataParallel(inner, device_ids=None, **options)
        self.optimizers = step.optimizers[0] if plain else step.optimizers
        self.model.register_comm_hook(self, RankedStep.exchange)
        self.num_bytes = 0

    def exchange(self, bucket: dist.GradBucket) -> Future[torch.Tensor]:
        """DDP's own exchange of a bucket."""
        self.num_bytes += bucket.buffer().nbytes
        return allreduce_hook(None, bucket)

    def run(self, index: int) -> None:
        """One iteration, always on the first path."""
        if not isinstance(self.step, PlainStep):
            self.step.algorithm.begin(iteration=0, seed=SEED)
        self.model.train_step(self.step.data, self.optimizers)


def on_ranks(workload: Workload, num: int, rounds: int, warmup: int) -> dict[str, Any]:
    """Steps of both stages, and of a child alone, on several ranks of this machine.

    Args:
        workload (Workload): What is measured; each rank has a batch of its own size.
        num (int): Number of ranks.
        rounds (int): Rounds that count.
        warmup (int): Rounds before them.

    Returns:
        dict: By variant ``wall`` (quartiles of the slowest rank's seconds) and
        ``bytes`` (of the gradients that one rank hands to the exchange in a step).
    """
    with tempfile.TemporaryDirectory() as folder:
        # The same threads in all, so that ranks do not wait for each other's cores.
        threads = max(1, torch.get_num_threads() // num)
        args = (num, folder, threads, workload, rounds, warmup)
        mp.spawn(_rank, args, nprocs=num)
        parts = [torch.load(os.path.join(folder, f'{rank}.pth')) for rank in range(num)]
    return {
        name: dict(
            wall=quartiles([max(each) for each in zip(*(p[name][0] for p in parts))]),
            bytes=parts[0][name][1],
        )
        for name in parts[0]
    }


def _rank(
    rank: int,
    num: int,
    folder: str,
    threads: int,
    workload: Workload,
    rounds: int,
    warmup: int,
) -> None:
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
    torch.set_num_threads(threads)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=num
    )
    config = plain_dict(workload.load(), 'model_wrapper_cfg')
    search = SearchStep(workload)
    # So that all ranks take the path of the plain child.
    search.algorithm.share_path = True
    path = search.paths()[0]
    plain = PlainStep(workload, search.algorithm, [path])
    finetune = FinetuneStep(workload, search.algorithm, path)
    # DDP gives all ranks the first one's weights; the optimizers are the same.
    variants = dict(search=search, plain=plain, finetune=finetune)
    steps = {name: RankedStep(step, config) for name, step in variants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(warmup + rounds):
        for name, step in steps.items():
            dist.barrier()
            step.num_bytes = 0
            took = timed(lambda step=step, i=index: step.run(i))['wall']
            if index >= warmup:
                seconds[name].append(took)
    result = {name: (seconds[name], step.num_bytes) for name, step in steps.items()}
    torch.save(result, os.path.join(folder, f'{rank}.pth'))
    dist.destroy_process_group()
