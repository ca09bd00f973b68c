from mmengine.optim import OptimWrapper, OptimWrapperDict


def restart_accumulation(wrapper: OptimWrapper, num_iters: int) -> None:
    """Lets the accumulation of gradients begin anew, at the start of an epoch.

    The last step of an epoch then takes what is left, with its own mean, as
    mmengine does at the end of a run. Gradients that wait for a step over the end
    of an epoch are other ones on every rank, and in no checkpoint.

    Args:
        wrapper (OptimWrapper): Changed in place; a dict of them too.
        num_iters (int): Iterations of the epoch.
    """
    several = isinstance(wrapper, OptimWrapperDict)
    for part in wrapper.values() if several else [wrapper]:
        # mmengine's initialize_count_status sets these, and warns in every epoch.
        part._inner_count = 0
        part._max_counts = num_iters
        part._remainder_counts = num_iters % part._accumulative_counts
