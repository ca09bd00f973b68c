from mmengine.optim import OptimWrapper


def restart_accumulation(wrapper: OptimWrapper, num_iters: int) -> None:
    """Lets the accumulation of gradients begin anew, at the start of an epoch.

    The last step of an epoch then takes what is left, with its own mean, as
    mmengine does at the end of a run. Gradients that wait for a step over the end
    of an epoch are other ones on every rank, and in no checkpoint.

    Args:
        wrapper (OptimWrapper): Changed in place; ``SearchOptimWrapperDict`` too.
        num_iters (int): Iterations of the epoch.
    """
    wrapper = getattr(wrapper, 'lead', wrapper)
    # mmengine's initialize_count_status sets these, and warns in every epoch.
    wrapper._inner_count = 0
    wrapper._max_counts = num_iters
    wrapper._remainder_counts = num_iters % wrapper._accumulative_counts
