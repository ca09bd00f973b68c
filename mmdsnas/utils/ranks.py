"""Work that one rank does for all."""

from typing import Callable, TypeVar

from mmengine.dist import broadcast_object_list, is_main_process

from mmdsnas.errors import UserError

T = TypeVar('T')


def on_rank_0(function: Callable[[], T], task: str) -> T:
    """What a function returns on rank 0, which alone calls it.

    Args:
        function (Callable): Reads files, say, of the machine of rank 0.
        task (str): What rank 0 'failed to' do, for the message of the other ranks.

    Raises:
        UserError: That of the function, on all ranks; the others get one, too, if the
            function ends in any other way.
    """
    found = [None, UserError(f'rank 0 failed to {task}.')]
    try:
        if is_main_process():
            found = [function(), None]
    except UserError as error:
        found[1] = error
    finally:
        # Whatever happened to rank 0, the others wait for its answer.
        broadcast_object_list(found)
    result, error = found
    if error is not None:
        raise error
    return result
