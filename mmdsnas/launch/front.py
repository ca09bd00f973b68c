"""Children within several limits, from the supernet that one run has trained."""

from logging import WARNING
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from mmengine.config import Config
from mmengine.logging import print_log

from mmdsnas.engine.choice_record import SCORES
from mmdsnas.engine.hooks.checkpoint.keep_supernet_hook import CONFIG
from mmdsnas.engine.whole_network import ACCURACY
from mmdsnas.errors import DataError
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import is_finished
from mmdsnas.subnets.checkpoint import (
    CHILDREN,
    LAST_CHECKPOINT,
    SUBNET_PTH,
    SUPERNET,
    load_checkpoint,
)
from mmdsnas.subnets.metadata import INT8, meta_of
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.files import write_atomically
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.visualization import report
from mmdsnas.visualization.class_accuracy import accuracy_of
from mmdsnas.visualization.csv_files import (
    FRONT,
    read_front,
    read_predictions,
    write_front,
)
from mmdsnas.visualization.predictions import FrontRow
from mmdsnas.visualization.report import FILE as REPORT
from mmdsnas.visualization.tables import front_table
from .epochs import limit_name, set_epochs, set_restarts
from .int8_accuracy import keep_int8_accuracy
from .own_instances import own_instances
from .plain_config import plain_config, read_config


def train_front(
    config: Config, limits: Sequence[Any], train: Callable[..., Any]
) -> list[FrontRow]:
    """Trains the children of a search that has several limits.

    The search itself has the loosest limit, and left ``supernet.pth``: what it was
    when its child was chosen. The others go on from there, each within its own limit
    and for as many epochs, or as many as were planned for it, in ``children/LIMIT``: a
    run that is interrupted and resumed as any other. Then ``front.csv`` and the report
    tell of all of them.

    Args:
        config (Config): Of the search that is done.
        limits (Sequence): As they are given, the loosest first.
        train (Callable): :func:`~mmdsnas.launch.runs.train`.

    Returns:
        list[FrontRow]: The children, in the order of the limits.
    """
    folder = Path(config.work_dir)
    on_rank_0(lambda: _keep_config(config), 'keep the config')
    for limit in limits[1:]:
        train_child(config, limit, epochs_of(config, limit), train)
    names = [limit_name(limit) for limit in limits]
    return on_rank_0(lambda: conclude(folder, names), 'tell of the children')


def train_child(
    config: Config, limit: Any, epochs: int | None, train: Callable[..., Any]
) -> None:
    """Trains a child within another limit than its search had, unless it is done.

    Args:
        config (Config): Of the search.
        limit (Any): See ``model.cost.limit``.
        epochs (int, optional): All that the child has, those that it has in common with
            the search included; None: as many as the search's own child.
        train (Callable): :func:`~mmdsnas.launch.runs.train`.
    """
    folder = Path(config.work_dir)
    place = folder / CHILDREN / limit_name(limit)
    wanted = epochs or config.train_cfg.max_epochs

    def begun() -> tuple[bool, bool]:
        file = place / SUBNET_PTH
        done = is_finished(file, folder / SUBNET_PTH)
        # It may have been one of fewer epochs.
        done = done and planned_epochs(file) == wanted
        return done, (place / LAST_CHECKPOINT).is_file()

    is_done, goes_on = on_rank_0(begun, 'look for a child')
    if is_done:
        return
    made = child_search(config, limit, epochs)
    print_log(f'The child within {limit_name(limit)}:', 'current')
    with own_instances():
        train(made, place, resume=True if goes_on else folder / SUPERNET)


def epochs_of(config: Config, limit: Any) -> int | None:
    """Epochs that were planned for a child; None: those of the search's own."""
    own = config.get('own_images') or {}
    return dict(map(tuple, own.get('children') or ())).get(limit_name(limit))


def child_search(config: Config, limit: Any, epochs: int | None = None) -> Config:
    """The config of a search, whose child has another limit, and maybe other epochs."""
    made = plain_config(config)
    cost = {n: v for n, v in made.model.cost.items() if n not in ('limit', 'limits')}
    made.model.cost = {**cost, 'limit': limit}
    made.update(load_from=None, resume=False)
    for hook in made.get('custom_hooks') or ():
        if type_name(hook) == 'ChooseChildHook':
            # What is known of candidates is the same within all limits.
            hook.setdefault('scores_file', str(Path(config.work_dir) / SCORES))
    if made.get('own_images'):
        # All that is derived from images and minutes stands in it.
        made.own_images.update(
            minutes=None, planned=None, children=None, compare=False, fitted=True
        )
    tuned = made.model.pretrain_epochs
    if epochs not in (None, made.train_cfg.max_epochs):
        set_epochs(made, epochs, tuned)
    elif made.get('own_images') and tuned:
        # That of the search goes on where the network itself is its child.
        set_restarts(made, made.train_cfg.max_epochs, tuned)
    return made


def planned_epochs(file: Path) -> int:
    """All epochs that the run of a child was to have."""
    return meta_of(load_checkpoint(file))['plan']['max_epochs']


def conclude(folder: Path, limits: Sequence[str]) -> list[FrontRow]:
    """Writes ``front.csv`` and the report of a search with several limits.

    Args:
        folder (Path): Its work directory.
        limits (Sequence[str]): Names of limits, that of the search first. Those that
            ``front.csv`` has besides stay.
    """
    known = {row.limit: folder / row.file for row in read_front(folder)}
    named = {name: folder / CHILDREN / name / SUBNET_PTH for name in limits[1:]}
    files = {**known, limits[0]: folder / SUBNET_PTH, **named}
    files = {name: file for name, file in files.items() if file.is_file()}
    rows = _write(folder, files)
    if (folder / CHILDREN / CONFIG).is_file():
        for file in files.values():
            keep_int8_accuracy(read_config(folder / CHILDREN / CONFIG), file)
        rows = _write(folder, files)
    print_log(front_table(rows), 'current')
    if (folder / REPORT).is_file():
        # Otherwise the run has no ReportHook.
        report(folder)
    return rows


def _write(folder: Path, files: Mapping[str, Path]) -> list[FrontRow]:
    """Writes a line for each child, whose file is known by the name of its limit."""
    rows = [_row(folder, file, name) for name, file in files.items()]
    rows.sort(key=lambda row: (row.file != SUBNET_PTH, -row.mflops))
    write_front(folder, rows)
    return rows


def _keep_config(config: Config) -> None:
    with write_atomically(Path(config.work_dir) / CHILDREN / CONFIG) as temporary:
        temporary.write_text(plain_config(config).pretty_text, encoding='utf-8')


def _images(place: Path) -> int:
    """How many images a child was evaluated on; 0: that is not known."""
    try:
        return len(read_predictions(place))
    except DataError as error:
        print_log(f'{FRONT} has no intervals: {error}', 'current', WARNING)
        return 0


def _row(folder: Path, file: Path, limit: str) -> FrontRow:
    meta = meta_of(load_checkpoint(file))
    images = _images(file.parent)
    metrics = meta.get('test_metrics') or meta.get('metrics') or {}
    percent, interval = metrics.get(ACCURACY), (None, None)
    if percent is not None and images:
        interval = accuracy_of('', round(percent * images / 100), images)[3:]
    return FrontRow(
        limit,
        meta['input_shape'][-1],
        {cost.key: meta.get(cost.key) for cost in COSTS.values()},
        percent,
        *interval,
        meta.get(INT8),
        images or None,
        meta.get('predicted_on'),
        ' '.join(own['candidate'] for own in meta['blocks'].values()),
        file.relative_to(folder).as_posix(),
    )
