"""What is there, and what it computes."""

import os
from typing import Any

import torch

import mmdsnas
from benchmarks.speed.machine import describe
from .step import Context

FORWARD, BACKWARD = 'forward', 'backward'
# The largest relative errors that are not taken for mistakes. BatchNorm over batches of
# two and three makes gradients out of differences of nearly equal numbers.
ALLOWED = {
    'float64': {FORWARD: 1e-6, BACKWARD: 1e-6},
    'float32': {FORWARD: 1e-4, BACKWARD: 0.3},
}


def versions(context: Context) -> dict[str, Any]:
    """Versions, and the name of the device."""
    machine = describe(context.device)
    found = f'{machine["device"]}; torch {machine["torch"]}, mmdsnas of '
    return dict(found=found + os.path.dirname(mmdsnas.__file__), machine=machine)


def reference(context: Context) -> dict[str, Any]:
    """The authors' numbers in float64 and float32: the largest error of each.

    Raises:
        AssertionError: An error is larger than rounding explains.
    """
    from tests.test_reference import numbers
    from tests.test_reference.filling import CASES, official_weights

    # Rounding alone is looked at.
    torch.backends.cudnn.allow_tf32 = False
    algorithm = numbers.build_search()
    algorithm.to(context.device)
    found_errors = {(name, kind): [] for name in ALLOWED for kind in ALLOWED[name]}
    for case in CASES[: 1 if context.small else None]:
        weights = official_weights(case['salt'])
        for name in ALLOWED:
            algorithm.to(getattr(torch, name))
            numbers.set_weights(algorithm, case, weights)
            logits = numbers.logits(algorithm, case)[:, :8]
            found = dict(eval_logits_first8=logits, **numbers.training(algorithm, case))
            for key, value in found.items():
                error = relative(value, case[key])
                kind = BACKWARD if 'grad' in key or 'reward' in key else FORWARD
                found_errors[name, kind].append(error)
    largest = {key: max_of(errors) for key, errors in found_errors.items()}
    told = ', '.join(f'{" ".join(key)} {error:.1e}' for key, error in largest.items())
    wrong = [' '.join(k) for k, e in largest.items() if not e <= ALLOWED[k[0]][k[1]]]
    assert not wrong, f'errors are too large in {", ".join(wrong)}: {told}'
    return dict(
        found=f'largest relative errors: {told}',
        errors={' '.join(key): error for key, error in largest.items()},
    )


def max_of(errors: list[float]) -> float:
    """The largest error; NaN if there is one."""
    return torch.tensor(errors, dtype=torch.float64).max().item()


def relative(found: torch.Tensor, expected: Any) -> float:
    """The largest error of a tensor, in its largest value."""
    wanted = torch.tensor(expected, dtype=torch.float64)
    error = (found.double().cpu() - wanted).abs().max()
    return (error / wanted.abs().max()).item()
