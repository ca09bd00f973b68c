"""Prints how far the gradient of alpha is off in low precision.

    python -m tests.report_amp_error

For a small ShuffleNetV2 supernet on the CPU: the same weights, path and batch in
float64, float32, bfloat16 and float16 (autocast, as in a search with ``--amp``).
"""

import copy
import statistics
from contextlib import nullcontext

import torch
from mmcls.structures import ClsDataSample
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms
from tests.toy import build, small_shufflenet

SEEDS, BATCH = 20, 64
# Powers of two round nothing; float16 needs one, or small gradients vanish.
SCALES = {torch.float16: 2.0**12}

Batch = tuple[Tensor, list[ClsDataSample]]


def batch_of(seed: int) -> Batch:
    """Random images of 32x32 and labels."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(BATCH, 3, 32, 32, generator=generator)
    labels = torch.randint(5, (BATCH,), generator=generator).tolist()
    return images, [ClsDataSample().set_gt_label(label) for label in labels]


def search(seed: int, eps: float) -> DSNAS:
    """A search with random weights; ``eps`` is that of the BatchNorm layers."""
    torch.manual_seed(seed)
    algorithm = build(
        dict(
            type='mmdsnas.DSNAS',
            architecture=small_shufflenet(),
            resource_estimator=dict(input_shape=(1, 3, 32, 32)),
        )
    )
    for layer in batch_norms(algorithm):
        layer.eps = eps
    algorithm.begin(epoch=0)
    return algorithm.train()


def alpha_gradient(
    algorithm: DSNAS, seed: int, batch: Batch, dtype: torch.dtype, amp: bool = False
) -> Tensor:
    """The gradient of all ``alpha`` in one vector, float64.

    Args:
        algorithm (DSNAS): Left as it is.
        seed (int): Of the path.
        batch (tuple): Images and labels.
        dtype (torch.dtype): Of the computation.
        amp (bool): Whether it is autocast's, with everything else in float32.
    """
    twin = copy.deepcopy(algorithm).to(torch.float32 if amp else dtype)
    twin.begin(iteration=0, seed=seed)
    images, labels = batch
    context = torch.autocast('cpu', dtype=dtype) if amp else nullcontext()
    with context:
        losses = twin.loss(images if amp else images.to(dtype), labels)
    scale = SCALES.get(dtype, 1.0)
    (losses['task.loss'] * scale).backward()
    grads = [alpha.grad for alpha in twin.mutator.arch_params.values()]
    return torch.cat(grads).double() / scale


def errors(found: Tensor, wanted: Tensor) -> tuple[float, float]:
    """Relative error and cosine of two vectors."""
    relative = (found - wanted).norm() / wanted.norm()
    return relative.item(), torch.cosine_similarity(found, wanted, 0).item()


def measure(eps: float) -> None:
    """Prints a table for one ``eps`` of the BatchNorm layers."""
    rows = {
        'float32 against float64': [],
        'bfloat16 against float64': [],
        'bfloat16 against float32': [],
        'float16 against float64': [],
        'float16 against float32': [],
        'another batch, in float64': [],
    }
    for seed in range(SEEDS):
        algorithm = search(seed, eps)

        def gradient(
            dtype: torch.dtype,
            amp: bool = False,
            batch: Batch | None = None,
            algorithm: DSNAS = algorithm,
            seed: int = seed,
        ) -> Tensor:
            return alpha_gradient(algorithm, seed, batch or batch_of(seed), dtype, amp)

        exact, single = gradient(torch.float64), gradient(torch.float32)
        rows['float32 against float64'].append(errors(single, exact))
        for dtype in (torch.bfloat16, torch.float16):
            low, name = gradient(dtype, amp=True), str(dtype).removeprefix('torch.')
            rows[f'{name} against float64'].append(errors(low, exact))
            rows[f'{name} against float32'].append(errors(low, single))
        other = gradient(torch.float64, batch=batch_of(1000 + seed))
        rows['another batch, in float64'].append(errors(other, exact))
    print(f'BatchNorm eps {eps:g}; {SEEDS} draws of weights, path and batch of {BATCH}')
    print(f'{"":26} {"relative error":>20} {"cosine":>20}')
    print(f'{"":26} {"median":>10}{"worst":>10} {"median":>10}{"worst":>10}')
    for name, pairs in rows.items():
        relative, cosine = zip(*pairs)
        print(
            f'{name:26} {statistics.median(relative):10.1e}{max(relative):10.1e}'
            f' {statistics.median(cosine):10.6f}{min(cosine):10.6f}'
        )
    print()


if __name__ == '__main__':
    for eps in (1e-2, 1e-5):
        measure(eps)
