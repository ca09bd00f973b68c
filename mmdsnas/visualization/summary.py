"""The table at the beginning of a report: a run in some lines."""

from typing import Any, Callable, Dict, List, Sequence, Tuple

from mmdsnas.models.cost import COSTS
from .history import Run
from .options import flat, option

PACKAGES = ('mmdsnas', 'PyTorch', 'MMEngine', 'Python')


def summary(runs: Sequence[Run]) -> List[Tuple[str, List[str]]]:
    """What is to be said of runs at a glance.

    Args:
        runs (Sequence[Run]): One or several.

    Returns:
        list[tuple[str, list[str]]]: A name, and what it is in each run; ``''`` where
        the files do not tell. What none of them tells is left out.
    """
    metrics = dict.fromkeys(n for run in runs for n in run.val if '/' in n)
    tested = dict.fromkeys(name for run in runs for name in run.child.test)
    lines: Dict[str, Callable[[Run], str]] = {
        'data': _data,
        'images': _images,
        **{
            f'{name} (last validation)': lambda run, n=name: _last(run, n)
            for name in metrics
        },
        **{
            f'{name} (test of the child)': lambda run, n=name: _tested(run, n)
            for name in tested
        },
        **{
            f'{cost.unit} of the child': lambda run, n=name: _cost(run, n)
            for name, cost in COSTS.items()
        },
        'limit': _limit,
        'length': _length,
        'time': lambda run: duration(run.seconds),
        'started': _started,
        'seed': lambda run: run.facts.get('seed', ''),
        'images in a step': _batch,
        'gradient estimator': _estimator,
        'device': _device,
        'versions': lambda run: ', '.join(
            f'{name} {run.facts[name]}' for name in PACKAGES if name in run.facts
        ),
        'folder': lambda run: str(run.work_dir),
        'left out': lambda run: '; '.join(run.left_out),
    }
    rows = [(name, [tell(run) for run in runs]) for name, tell in lines.items()]
    return [(name, values) for name, values in rows if any(values)]


def figures(run: Run) -> List[Tuple[str, str]]:
    """The few numbers of a run that stand above all others, with their names."""
    # An accuracy before other metrics.
    names = sorted((n for n in run.val if '/' in n), key=lambda n: 'accuracy/' not in n)
    found = [(_last(run, n), n) for n in names[:1]]
    found += [
        *((_cost(run, name), cost.unit) for name, cost in COSTS.items()),
        (duration(run.seconds), 'of time'),
    ]
    return [(value, name) for value, name in found if value]


def differences(runs: Sequence[Run]) -> List[Tuple[str, List[str]]]:
    """The options that are not the same in all runs, by dotted name.

    Args:
        runs (Sequence[Run]): Several.
    """
    options = [dict(flat(run.options)) for run in runs]
    names = dict.fromkeys(name for own in options for name in own)
    rows = []
    for name in names:
        values = [repr(own[name]) if name in own else '' for own in options]
        if len(set(values)) > 1:
            rows.append((name, values))
    return rows


def duration(seconds) -> str:
    """A time span in words."""
    if seconds is None:
        return ''
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def _data(run: Run) -> str:
    dataset: Any = option(run.options, 'train_dataloader.dataset', {})
    if not isinstance(dataset, dict):
        return ''
    root = dataset.get('data_root') or option(run.options, 'data_root')
    parts = [str(dataset['type']).rpartition('.')[2]] if 'type' in dataset else []
    parts += [str(root)] if root else []
    if run.child.classes:
        named = ', '.join(run.child.classes[:10]) + (
            ', …' if len(run.child.classes) > 10 else ''
        )
        parts.append(f'{len(run.child.classes)} classes ({named})')
    return ', '.join(parts)


def _images(run: Run) -> str:
    """Of one's own folder: how many there are, and their size in the network."""
    found = option(run.options, 'own_images.found')
    images = found.get('images') if isinstance(found, dict) else None
    if not isinstance(images, dict):
        return ''
    counts = {
        split: sum(n for _, n in flat(of_classes) if isinstance(n, int))
        for split, of_classes in images.items()
        if isinstance(of_classes, (dict, list))
    }
    left_out = found.get('left_out')
    files = left_out.values() if isinstance(left_out, dict) else ()
    gone = sum(len(names) for names in files if isinstance(names, list))
    words = [f'{number} in {split}' for split, number in counts.items()]
    words += [f'{gone} files left out'] if gone else []
    size = option(run.options, 'own_images.input_size')
    return ', '.join(words) + (f'; {size} x {size} pixels' if size else '')


def _last(run: Run, name: str) -> str:
    curve = run.val.get(name)
    return f'{curve.values[-1]:.2f}' if curve else ''


def _tested(run: Run, name: str) -> str:
    value = run.child.test.get(name)
    return '' if value is None else f'{value:.2f}'


def _cost(run: Run, name: str) -> str:
    cost = run.child.costs.get(name)
    return '' if cost is None else COSTS[name].shown(cost)


def _limit(run: Run) -> str:
    limits = [f'{value:g} {COSTS[m].unit}' for m, value in run.limits.items()]
    return ', '.join(limits) or ('none' if run.stages else '')


def _length(run: Run) -> str:
    unit = 'epochs' if run.by_epoch else 'iterations'
    text = f'{run.length:g} {unit}'
    if run.done < run.length:
        text = f'{run.done:.4g} of {text}'
    if run.missing is not None:
        text += ': not finished'
    parts = [f'{s.name} {s.end - s.begin:g}' for s in run.stages]
    text += f' ({", ".join(parts)})' if parts else ''
    starts = len(run.sessions)
    return f'{text}, in {starts} sessions' if starts > 1 else text


def _started(run: Run) -> str:
    times = [session.times[0] for session in run.sessions if session.times]
    return f'{times[0]:%Y-%m-%d %H:%M}' if times else ''


def _batch(run: Run) -> str:
    return str(option(run.options, 'train_dataloader.batch_size', ''))


def _estimator(run: Run) -> str:
    default = 'DSNASGradient' if run.stages else ''
    name = option(run.options, 'model.gradient_estimator.type', default)
    return str(name).rpartition('.')[2]


def _device(run: Run) -> str:
    return run.facts.get('device', 'CPU' if run.facts else '')
