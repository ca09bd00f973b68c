"""The data loaders of a config, and their data sets, whatever stands around them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Where classes such as RepeatDataset and ConcatDataset have what they stand around.
_INSIDE = ('dataset', 'datasets')


class DataSet(NamedTuple):
    """A data set that stands around no other one.

    Attributes:
        config (dict): The part of the loader's config itself, not a copy.
        where (str): Its option in the loader: ``dataset``, ``dataset.datasets.1``.
        around (tuple[str, ...]): Types of what stands around it, from the outside.
    """

    config: dict[str, Any]
    where: str
    around: tuple[str, ...]


def loaders(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The data loaders of a config and its hooks by their options; no copies."""
    found = {name: config.get(name) for name in LOADERS}
    custom, default = config.get('custom_hooks'), config.get('default_hooks')
    hooks = dict(enumerate(custom)) if isinstance(custom, (list, tuple)) else {}
    named = {f'custom_hooks.{i}': hook for i, hook in hooks.items()}
    if isinstance(default, dict):
        named.update({f'default_hooks.{name}': hook for name, hook in default.items()})
    for name, hook in named.items():
        if isinstance(hook, dict):
            found[f'{name}.dataloader'] = hook.get('dataloader')
    return {name: loader for name, loader in found.items() if isinstance(loader, dict)}


def data_sets(loader: Mapping[str, Any] | None) -> Iterator[DataSet]:
    """The innermost data sets of the config of a data loader."""
    return _inside((loader or {}).get('dataset'), 'dataset', ())


def pipeline_of(loader: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The transforms of a data loader's first data set; none where it has none."""
    found = (part.config.get('pipeline') for part in data_sets(loader))
    return next(found, None) or []


def _inside(part: Any, where: str, around: tuple[str, ...]) -> Iterator[DataSet]:
    if isinstance(part, (list, tuple)):
        for i, item in enumerate(part):
            yield from _inside(item, f'{where}.{i}', around)
    elif isinstance(part, dict):
        inner = [n for n in _INSIDE if isinstance(part.get(n), (dict, list, tuple))]
        if not inner:
            yield DataSet(part, where, around)
        around = (*around, str(part.get('type')))
        for name in inner:
            yield from _inside(part[name], f'{where}.{name}', around)
