"""Work that one rank does for all."""

from contextvars import ContextVar
from typing import Callable, TypeVar

from mmengine.dist import broadcast_object_list, is_main_process

from mmdsnas.errors import UserError

T = TypeVar('T')
# Whether a function is at work that rank 0 alone calls.
_ALONE = ContextVar('alone', default=False)


def on_rank_0(function: Callable[[], T], task: str) -> T:
    """What a function returns on rank 0, which alone calls it.

    Inside such a function it is a plain call.

    Raises:
        UserError: That of the function, on all ranks. If it ends in any other way, the
            others say that rank 0 'failed to' do the task.
    """
    if _ALONE.get():
        # The others wait for the outer function's answer.
        return function()
    alone = _ALONE.set(True)
    found = [None, UserError(f'rank 0 failed to {task}.')]
    try:
        if is_main_process():
            found = [function(), None]
    except UserError as error:
        found[1] = error
    finally:
        _ALONE.reset(alone)
        # Whatever happened to rank 0, the others wait for its answer.
        broadcast_object_list(found)
    result, error = found
    if error is not None:
        raise error
    return result
