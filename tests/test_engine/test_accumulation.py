import torch
from mmengine.optim import OptimWrapper

from mmdsnas.engine.hooks.checkpoint.exact_resume_hook import restart_accumulation


def test_an_epoch_is_accumulated_by_itself():
    """Five batches, two for a step: means of 2, 2 and 1, in every epoch."""
    weight = torch.nn.Parameter(torch.zeros(()))
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=1.0), accumulative_counts=2)
    before, steps = 0.0, []
    for _ in range(2):
        restart_accumulation(wrapper, 5)
        for gradient in (1.0, 3.0, 10.0, 20.0, 100.0):
            wrapper.update_params(weight * gradient)
            if weight.item() != before:
                steps.append(before - weight.item())
                before = weight.item()
    assert steps == [2.0, 15.0, 100.0] * 2
