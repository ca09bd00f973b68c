"""The data loaders of a config, and their data sets, whatever stands around them."""

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

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

    config: Dict[str, Any]
    where: str
    around: Tuple[str, ...]


def loaders(config: Mapping[str, Any]) -> Dict[str, Dict[str, Any]]:
    """The configs of all data loaders by their options, also of those that hooks have.

    Args:
        config (Mapping): Of a run; its parts themselves are given, not copies.
    """
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


def data_sets(loader: Optional[Mapping[str, Any]]) -> Iterator[DataSet]:
    """The innermost data sets of a data loader.

    Args:
        loader (Mapping, optional): Its config.
    """
    return _inside((loader or {}).get('dataset'), 'dataset', ())


def pipeline_of(loader: Optional[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """The transforms of a data loader's first data set; none where it has none."""
    found = (part.config.get('pipeline') for part in data_sets(loader))
    return next(found, None) or []


def _inside(part: Any, where: str, around: Tuple[str, ...]) -> Iterator[DataSet]:
    if isinstance(part, (list, tuple)):
        for i, item in enumerate(part):
            yield from _inside(item, f'{where}.{i}', around)
    elif isinstance(part, dict):
        inner = {name: part[name] for name in _INSIDE if name in part}
        inner = {k: v for k, v in inner.items() if isinstance(v, (dict, list, tuple))}
        if not inner:
            yield DataSet(part, where, around)
        for name, item in inner.items():
            yield from _inside(
                item, f'{where}.{name}', (*around, str(part.get('type')))
            )
