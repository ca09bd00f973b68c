"""Which of several networks is the child, by the images of their validation."""

from logging import WARNING
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple

import numpy as np
from mmengine.logging import print_log

from mmdsnas.engine.whole_network import ACCURACY
from mmdsnas.subnets.checkpoint import SUBNET_PTH, SUBNET_YAML, load_checkpoint
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.visualization import report
from mmdsnas.visualization.csv_files import (
    VALIDATION,
    read_compared,
    read_predictions,
    write_compared,
)
from mmdsnas.visualization.image_section import decision
from mmdsnas.visualization.predictions import (
    CHILD,
    SEARCHED,
    WHOLE,
    ComparedNetwork,
    called,
)
from mmdsnas.visualization.tables import child_table
from .installing import install, keep, put_back

# Points between a metric and the predictions of the same validation, by rounding.
TOLERANCE = 0.01


class Judged(NamedTuple):
    """A network: what it costs, and by image whether it is right."""

    mflops: float
    right: Mapping[str, bool]

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * float(np.mean(list(self.right.values())))


def right_images(folder: Path) -> dict[str, bool]:
    """By image of the last validation whether the network of a run is right.

    It is empty where the run has no predictions of the network in its file.
    """
    meta = meta_of(load_checkpoint(folder / SUBNET_PTH))
    is_tested = meta.get('predicted_on') == 'test'
    rows = read_predictions(folder / VALIDATION if is_tested else folder)
    right = {row.image: row.true == row.predicted for row in rows}
    accuracy = (meta.get('metrics') or {}).get(ACCURACY)
    if not right or accuracy is None:
        return {}
    # Otherwise they are of an earlier validation.
    of_it = abs(Judged(0, right).accuracy - accuracy) < TOLERANCE
    return right if of_it else {}


def difference(one: Judged, other: Judged) -> tuple[float, float]:
    """Points by which one is more often right than another, and the standard error.

    It is that of a paired difference: both saw the same images.
    """
    pairs = [100.0 * (one.right[image] - other.right[image]) for image in one.right]
    spread = float(np.std(pairs, ddof=1)) if len(pairs) > 1 else 0.0
    return float(np.mean(pairs)), spread / len(pairs) ** 0.5


def child_of(networks: Mapping[str, Judged]) -> str:
    """The name of the child: the one-standard-error rule (Breiman et al., 1984).

    Those whose difference from the best is at most its standard error cannot be told
    apart; the one with the fewest MFLOPs is taken, of equal ones the more accurate,
    then the first.

    Args:
        networks (Mapping[str, Judged]): By name, of the same images.
    """
    best = max(networks.values(), key=lambda n: n.accuracy)
    close = {}
    for name, network in networks.items():
        points, error = difference(best, network)
        if points <= error:
            close[name] = network
    return min(close, key=lambda name: (close[name].mflops, -close[name].accuracy))


def conclude(
    folder: Path, kept: Path, places: Mapping[str, Path], own: str | None
) -> list[ComparedNetwork]:
    """Judges the networks, installs the winner, and tells of all of them.

    Killed at any moment and called again, it ends the same.

    Args:
        folder (Path): The work directory of the search.
        kept (Path): Where the files of its choice are kept.
        places (Mapping[str, Path]): Work directories of the others, by name.
        own (str, optional): The name of its choice, if it has one.
    """
    put_back(folder, kept)
    keep(folder, kept)
    places = {SEARCHED: kept, **places}
    rows = {n: row for n, place in places.items() if (row := _row(place, n))}
    judged = _judged(rows, places)
    winner = child_of(judged) if judged else SEARCHED
    for name, network in judged.items():
        error = difference(network, judged[winner]) if name != winner else ()
        rows[name] = ComparedNetwork(*rows[name][:6], network.accuracy, *error)
    names = {SEARCHED: called(SEARCHED, own), winner: called(CHILD, winner)}
    if winner == SEARCHED:
        names = {SEARCHED: called(CHILD, own)}
    rows = {n: row._replace(network=names.get(n, n)) for n, row in rows.items()}
    first = [rows.pop(winner)] if winner in rows else []
    whole = [row for row in read_compared(kept) if row.network == WHOLE]
    found = [*first, *whole, *rows.values()]
    if winner != SEARCHED:
        meta = install(folder, places[winner], winner)
        files = [str(folder / name) for name in (SUBNET_YAML, SUBNET_PTH)]
        print_log(child_table(meta, files), 'current')
    lines = [f'{r.network}, {r.input_size} pixels: {r.accuracy:.2f} %' for r in found]
    told = ['What was compared:', *lines, *filter(None, [decision(found)])]
    print_log('\n  '.join(told), 'current')
    write_compared(folder, found)
    report(folder)
    return found


def _judged(names: Iterable[str], places: Mapping[str, Path]) -> dict[str, Judged]:
    """The networks that can be held against the search's choice, and that; or none."""
    right = {name: right_images(places[name]) for name in names}
    wanted, judged = right.get(SEARCHED, {}), {}
    for name, images in right.items():
        if wanted and images.keys() == wanted.keys():
            meta = meta_of(load_checkpoint(places[name] / SUBNET_PTH))
            judged[name] = Judged(meta['mflops'], images)
        elif name != SEARCHED:
            lacking = places[name if wanted else SEARCHED]
            print_log(
                f"{name} cannot take the place of the search's choice, because "
                f'{lacking} has no predictions of the same last validation.',
                'current',
                WARNING,
            )
    return judged


def _row(folder: Path, name: str) -> ComparedNetwork | None:
    """What a run says of its network; None where it has no accuracy."""
    meta = meta_of(load_checkpoint(folder / SUBNET_PTH))
    images = read_predictions(folder)
    metrics = meta.get('test_metrics') or meta.get('metrics') or {}
    if ACCURACY not in metrics or not images:
        return None
    size, costs = meta['input_shape'][-1], map(meta.get, ('mflops', 'mparams'))
    return ComparedNetwork(name, size, *costs, metrics[ACCURACY], len(images))
