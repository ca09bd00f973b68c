"""The data loaders of a config, and their data sets, whatever stands around them."""

from typing import Any, Iterator, Mapping, Sequence

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Pillow's is the same as torch's with antialias.
RESIZE = dict(type='Resize', backend='pillow', interpolation='bilinear')
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
    pipeline: Sequence[Mapping[str, Any]], size: int
) -> list[dict[str, Any]]:
    """The transforms of a pipeline, and one that resizes its images to another edge.

    It is the resizing that a search does in the network: bilinear, with antialiasing.
    """
    packs = [k for k, t in enumerate(pipeline) if 'Pack' in str(t.get('type'))]
    place = packs[0] if packs else len(pipeline)
    return [*pipeline[:place], {**RESIZE, 'scale': (size, size)}, *pipeline[place:]]


def is_resized(pipeline: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a pipeline is one of :func:`resized_pipeline`."""
    return any(RESIZE.items() <= dict(transform).items() for transform in pipeline)


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
