"""Several runs in one process, none of which writes into the log of another."""

from contextlib import contextmanager
from typing import Iterator

from mmengine.logging import MMLogger
from mmengine.utils import ManagerMixin


@contextmanager
def own_instances() -> Iterator[None]:
    """While open, what mmengine keeps for all of a process is new.

    Loggers, message hubs, visualizers and scopes have names with the second in which
    a run began, and the latest ones serve all that asks for none: a second run would
    log into the files of the first one.
    """
    kept = {kind: dict(kind._instance_dict) for kind in _kinds(ManagerMixin)}
    for kind in kept:
        kind._instance_dict.clear()
    try:
        yield
    finally:
        for logger in MMLogger._instance_dict.values():
            for handler in logger.handlers:
                handler.close()
        for kind in _kinds(ManagerMixin):
            kind._instance_dict.clear()
            kind._instance_dict.update(kept.get(kind, {}))


def _kinds(base: type[ManagerMixin]) -> Iterator[type[ManagerMixin]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
