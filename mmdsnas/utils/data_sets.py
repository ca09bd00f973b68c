"""The data loaders of a config, and their data sets, whatever stands around them."""

from typing import Any, Iterator, Mapping, Sequence

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Options of transforms that are pixels of an image.
SIZE_OPTIONS = ('scale', 'crop_size', 'size')
# Where classes such as RepeatDataset and ConcatDataset have what they stand around.
INSIDE = ('dataset', 'datasets')


def loaders(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The data loaders of a config and its hooks by their options; no copies."""
    found = {name: config.get(name) for name in LOADERS}
    for option in ('custom_hooks', 'default_hooks'):
        hooks = config.get(option)
        if isinstance(hooks, (list, tuple)):
            hooks = dict(enumerate(hooks))
        for name, hook in hooks.items() if isinstance(hooks, dict) else ():
            if isinstance(hook, dict):
                found[f'{option}.{name}.dataloader'] = hook.get('dataloader')
    return {name: loader for name, loader in found.items() if isinstance(loader, dict)}


def data_sets(loader: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The innermost data sets of a data loader by their options in it; no copies.

    Such an option is ``dataset``, or ``dataset.datasets.1`` where others stand around.
    """
    return dict(_inside((loader or {}).get('dataset'), 'dataset'))


def pipeline_of(loader: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The transforms of a data loader's first data set; none where it has none."""
    found = (part.get('pipeline') for part in data_sets(loader).values())
    return next(found, None) or []


def resized_pipeline(
    pipeline: Sequence[Mapping[str, Any]], old: int, new: int
) -> list[dict[str, Any]]:
    """The transforms of a pipeline for images of another edge, in pixels.

    What is larger than the edge, such as the image that a centre is cut out of, keeps
    its relation to it.
    """
    found = []
    for transform in pipeline:
        sizes = {
            option: resized_size(transform[option], old, new)
            for option in SIZE_OPTIONS
            if option in transform and _is_size(transform[option])
        }
        found.append({**transform, **sizes})
    return found


def resized_size(size: Any, old: int, new: int) -> Any:
    """A size, pixels or some of them, in a pipeline for another edge."""
    if isinstance(size, (list, tuple)):
        return type(size)(resized_size(part, old, new) for part in size)
    return size if size < 0 else round(size * new / old)


def _is_size(value: Any) -> bool:
    parts = value if isinstance(value, (list, tuple)) else [value]
    return all(type(part) is int for part in parts)


def _inside(part: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, (list, tuple)):
        for i, item in enumerate(part):
            yield from _inside(item, f'{where}.{i}')
    elif isinstance(part, dict):
        inner = [n for n in INSIDE if isinstance(part.get(n), (dict, list, tuple))]
        if not inner:
            yield where, part
        for name in inner:
            yield from _inside(part[name], f'{where}.{name}')
