"""The table at the beginning of a report: a run in some lines."""

from typing import Any, Iterable, Sequence

from mmdsnas.models.cost import COSTS
from .found_child import UNITS
from .history import Run

PACKAGES = ('mmdsnas', 'PyTorch', 'MMEngine', 'Python')
Rows = list[tuple[str, list[str]]]


def summary(runs: Sequence[Run]) -> Rows:
    """What is to be said of runs at a glance: a name, and what it is in each run.

    It is ``''`` where the files do not tell; what none of them tells is left out.
    """
    metrics = dict.fromkeys(n for run in runs for n in run.val if '/' in n)
    tested = dict.fromkeys(name for run in runs for name in run.child.test)
    columns = [_told(run, metrics, tested) for run in runs]
    rows = [(name, [told[name] for told in columns]) for name in columns[0]]
    return [(name, values) for name, values in rows if any(values)]


def _told(run: Run, metrics: Iterable[str], tested: Iterable[str]) -> dict[str, str]:
    begin, facts = run.sessions[0].record.begin, run.record.facts
    options = flat(run.record.options)
    limits = [f'{value:g} {COSTS[m].unit}' for m, value in run.limits.items()]
    versions = [f'{name} {facts[name]}' for name in PACKAGES if name in facts]
    default = 'DSNASGradient' if run.stages else ''
    estimator = options.get('model.gradient_estimator.type', default)
    test, costs = run.child.test, run.child.costs
    return {
        'data': _data(options, run.child.classes),
        'images': _images(options, run.child.input_size),
        **{f'{name} (last validation)': _last(run, name) for name in metrics},
        **{f'{n} (test of the child)': _digits(test.get(n), 2) for n in tested},
        **{f'{unit} of the child': _digits(costs.get(k)) for k, unit in UNITS.items()},
        'limit': ', '.join(limits) or ('none' if run.stages else ''),
        'length': _length(run),
        'time': duration(run.seconds),
        'started': begin[:16].replace('T', ' '),
        'seed': str(facts.get('seed', '')),
        'images in a step': str(options.get('train_dataloader.batch_size', '')),
        'gradient estimator': str(estimator).rpartition('.')[2],
        'device': str(facts.get('device', '')),
        'versions': ', '.join(versions),
        'folder': str(run.work_dir),
        'left out': '; '.join(run.left_out),
    }


def key_figures(run: Run) -> dict[str, str]:
    """The few numbers of a run that stand above all others, by their names."""
    # An accuracy before other metrics.
    names = sorted((n for n in run.val if '/' in n), key=lambda n: 'accuracy/' not in n)
    found = {name: _last(run, name) for name in names[:1]}
    for name in ('mflops', 'mparams'):
        found[UNITS[name]] = _digits(run.child.costs.get(name))
    found['of time'] = duration(run.seconds)
    return {name: value for name, value in found.items() if value}


def differences(runs: Sequence[Run]) -> Rows:
    """The options that are not the same in all runs, by dotted name."""
    options = [flat(run.record.options) for run in runs]
    rows = [
        (name, [repr(own[name]) if name in own else '' for own in options])
        for name in dict.fromkeys(name for own in options for name in own)
    ]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def flat(value: Any, name: str = '') -> dict[str, Any]:
    """Options by dotted name; what is in a list is counted from 0."""
    if not isinstance(value, (dict, list)) or not value:
        return {name: value}
    found: dict[str, Any] = {}
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        found.update(flat(part, f'{name}.{key}' if name else str(key)))
    return found


def duration(seconds: float) -> str:
    """A time span in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def _data(options: dict[str, Any], classes: list[str]) -> str:
    dataset = 'train_dataloader.dataset'
    name = str(options.get(f'{dataset}.type', '')).rpartition('.')[2]
    root = options.get(f'{dataset}.data_root') or options.get('data_root')
    named = ', '.join(classes[:10]) + (', …' if len(classes) > 10 else '')
    words = f'{len(classes)} classes ({named})' if classes else ''
    return ', '.join(str(part) for part in (name, root, words) if part)


def _images(options: dict[str, Any], child_size: int | None) -> str:
    """Of one's own folder: how many there are, and their size in the network."""
    counts: dict[str, int] = {}
    gone = 0
    for name, value in options.items():
        match name.split('.'):
            case 'own_images', 'found', 'images', split, *_ if isinstance(value, int):
                counts[split] = counts.get(split, 0) + value
            case 'own_images', 'found', 'left_out', *_:
                gone += isinstance(value, str)
    words = [f'{number} in {split}' for split, number in counts.items()]
    words += [f'{gone} files left out'] if gone else []
    size = child_size or options.get('own_images.input_size')
    return ', '.join(words) + (f'; {size} x {size} pixels' if size else '')


def _last(run: Run, name: str) -> str:
    if run.child.network:
        # The curve is that of the search's choice.
        return _digits(run.child.validation.get(name), 2)
    return _digits(run.val[name].values[-1] if name in run.val else None, 2)


def _digits(value: Any, digits: int = 3) -> str:
    return '' if value is None else f'{value:.{digits}f}'


def _length(run: Run) -> str:
    text = f'{run.length:g} {run.unit}s'
    if run.done < run.length:
        text = f'{run.done:.4g} of {text}'
    if run.missing is not None:
        text += ': not finished'
    parts = [f'{s.name} {s.end - s.begin:g}' for s in run.stages]
    text += f' ({", ".join(parts)})' if parts else ''
    starts = len(run.sessions)
    return f'{text}, in {starts} sessions' if starts > 1 else text
