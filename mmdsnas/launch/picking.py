"""What a search with several limits knows of a child within another one."""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from mmengine.config import Config

from mmdsnas.engine.choice_record import ScoresBySize, read_scores
from mmdsnas.engine.hooks.checkpoint.keep_supernet_hook import CONFIG
from mmdsnas.engine.whole_network import allows_whole
from mmdsnas.errors import CheckpointError, ConfigError, DataError
from mmdsnas.models import COSTS, DSNAS
from mmdsnas.models.weights import load_weights
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import subnet_of_path
from mmdsnas.subnets.checkpoint import CHILDREN, SUPERNET, load_checkpoint
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.utils.words import listed
from mmdsnas.visualization.csv_files import read_front
from mmdsnas.visualization.predictions import FrontRow
from .building import build_model
from .epochs import limit_name
from .front import child_search, conclude, planned_epochs, train_child
from .plain_config import read_config
from .runs import train


@dataclass(frozen=True)
class PickedChild:
    """A child that a search knows of, but did not train.

    Attributes:
        limit (Any): As it was given.
        input_size (int): Pixels of the edge of its images.
        subnet (dict[str, str]): Candidate by block.
        cost (dict[str, float]): By the keys of ``COSTS``: what it will cost.
        distance (float, optional): What its outputs lose without training, in nats, as
            the scores of its candidates add up; None where there are no scores.
        accuracy (float, optional): In %, predicted: between those of the children whose
            MFLOPs are the nearest below and above; None beyond all of them.
        between (tuple[str, ...]): The limits of these children.
        unscored (tuple[int, ...]): Sizes of images within the limit of which nothing is
            known, because no child that was chosen could have them.
    """

    limit: Any
    input_size: int
    subnet: dict[str, str]
    cost: dict[str, float]
    distance: float | None
    accuracy: float | None
    between: tuple[str, ...]
    unscored: tuple[int, ...] = ()

    def __str__(self) -> str:
        costs = [f'{n:.4g} {COSTS[name].unit}' for name, n in self.cost.items()]
        lines = [
            f'predicted for {limit_name(self.limit)}: {", ".join(costs)}, images of '
            f'{self.input_size} pixels',
            *(f'  {block}: {choice}' for block, choice in self.subnet.items()),
        ]
        if self.distance is not None:
            lines.append(
                f'loss of its outputs before any training: {self.distance:.3f}'
            )
        if self.unscored:
            lines.append(f'not scored: images of {listed(self.unscored)} pixels')
        told = 'unknown, beyond the children that are trained'
        if self.accuracy is not None:
            told = f'{self.accuracy:.1f} %, between {" and ".join(self.between)}'
        return '\n'.join([*lines, f'accuracy, predicted: {told}'])


def pick(
    work_dir: str | Path, limit: Any, train_it: bool = False
) -> PickedChild | FrontRow:
    """Tells what a search knows of a child within another limit: ``mmdsnas pick``.

    Args:
        work_dir (str | Path): Of a search with ``model.cost.limits``, which is done.
        limit (Any): See ``model.cost.limit``.
        train_it (bool): Whether to train the child, for as many epochs as the one with
            the nearest MFLOPs: it joins ``front.csv`` and the report.

    Returns:
        PickedChild | FrontRow: What is predicted; of a child that is trained, its row
        of ``front.csv``.

    Raises:
        CheckpointError: The work directory is of another run, or not done.
        ConfigError: The limit is none, or no path is within it.
    """
    folder = Path(work_dir)
    front, config = read_front(folder), folder / CHILDREN / CONFIG
    if not front or not config.is_file() or not (folder / SUPERNET).is_file():
        raise CheckpointError(
            f'RUN must be the work directory of a finished search with '
            f'model.cost.limits, which left front.csv and {SUPERNET}, but {folder} has '
            'not all of them.'
        )
    if limit is None:
        raise ConfigError(
            'limit must be one of model.cost.limit, such as 3 or 50%, but is None.'
        )
    known = next((row for row in front if row.limit == limit_name(limit)), None)
    if known is not None:
        return known
    found = read_config(config)
    _move(found, folder)
    picked = _predict(found, limit, front)
    if not train_it:
        return picked
    nearest = _nearest(picked.cost['flops'], front)
    epochs = planned_epochs(folder / nearest.file)
    train_child(found, limit, epochs, train)
    names = [front[0].limit, limit_name(limit)]
    rows = on_rank_0(partial(conclude, folder, names), 'tell of the children')
    return next(row for row in rows if row.limit == names[1])


def _move(config: Config, folder: Path) -> None:
    """Lets a config find what its run measured, wherever the folder is now."""
    before, config.work_dir = Path(config.work_dir), str(folder)
    estimator = config.model.get('resource_estimator') or {}
    for name in (name for name, cost in COSTS.items() if cost.meter):
        meter = estimator.get(name) or {}
        if meter.get('file') and Path(meter['file']).parent == before:
            meter['file'] = str(folder / Path(meter['file']).name)


def _predict(config: Config, limit: Any, front: Sequence[FrontRow]) -> PickedChild:
    folder = Path(config.work_dir)
    made = child_search(config, limit)
    algorithm: DSNAS = build_model(made)
    supernet = load_checkpoint(folder / SUPERNET)
    load_weights(algorithm, supernet, folder / SUPERNET)
    hooks = [*(made.default_hooks or {}).values(), *(made.get('custom_hooks') or ())]
    kinds = {type_name(hook): hook for hook in hooks if hook}
    distance, unscored = None, ()
    for kind in ('SelectChildHook', 'HandMadeChildHook'):
        if kind in kinds:
            raise ConfigError(
                f'RUN must be a search that learns what its candidates are worth, but '
                f'{folder} has a {kind}; put the limit into model.cost.limits, and '
                'resume it.'
            )
    if hook := kinds.get('ChooseChildHook'):
        hook = HOOKS.build(hook)
        known = read_scores(Path(hook.scores_file))
        path, distance = _by_scores(algorithm, hook.scale, known, hook.scores_file)
        sizes = algorithm.input_sizes or [algorithm.edge]
        unscored = tuple(size for size in sizes if size not in known)
    elif hook := kinds.get('CompareChildHook'):
        hook = HOOKS.build(hook)
        path = _known_to_be_within(algorithm, lambda: hook.choose(algorithm)[0])
    else:
        path = _known_to_be_within(algorithm, algorithm.mutator.derive_child)
    network = algorithm.architecture, algorithm.cost_table.choices(path)
    cost = algorithm.cost_table.cost(path)
    cost |= algorithm.resource_estimator.known_whole(*network)
    accuracy, between = predicted_accuracy(cost['flops'], front)
    return PickedChild(
        limit=limit,
        input_size=algorithm.child_edge,
        subnet=subnet_of_path(algorithm, path),
        cost=cost,
        distance=distance,
        accuracy=accuracy,
        between=between,
        unscored=unscored,
    )


def _by_scores(
    algorithm: DSNAS, scale: float, known: ScoresBySize, file: str
) -> tuple[Mapping[str, str], float]:
    """The path with the smallest sum of scores, at the size that it has it at."""
    sizes = [s for s in algorithm.input_sizes or [algorithm.edge] if s in known]
    if allows_whole(algorithm, partial(algorithm.confirms, measures=False)):
        return algorithm.first_path(), 0.0
    found = []
    for size in sizes:
        if size not in (algorithm.input_sizes or [size]):
            # Known to leave no path, by the networks that were measured.
            continue
        algorithm.set_input_size(size)
        logits = {g: [-s / scale for s in own] for g, own in known[size].items()}
        algorithm.mutator.set_logits(logits)
        path = _known_to_be_within(algorithm, algorithm.mutator.derive_child)
        if algorithm.child_edge != size:
            continue
        chosen = {g: algorithm.mutator.choices(g).index(c) for g, c in path.items()}
        lost = sum(known[size][group][k] for group, k in chosen.items())
        found.append((lost, size, path))
    if not found:
        raise DataError(
            f'{file} must have scores of candidates for images of '
            f'{listed(algorithm.input_sizes or [algorithm.edge])} pixels, which the '
            'choice of a child within such a limit leaves, but has none.'
        )
    lost, size, path = min(found, key=lambda of: of[0])
    algorithm.set_input_size(size)
    return path, lost


def _known_to_be_within(
    algorithm: DSNAS, choose: Callable[[], dict[str, str]]
) -> dict[str, str]:
    """A choice, by what was measured of whole networks before, else by sums."""
    return algorithm.confirmed_child(choose, measures=False)


def predicted_accuracy(
    mflops: float, front: Sequence[FrontRow]
) -> tuple[float | None, tuple[str, ...]]:
    """The accuracy at some MFLOPs, on a line over their logarithm between children.

    Returns:
        tuple: In %, and the limits of the nearest children below and above; None and
        nothing beyond all of them.
    """
    rows = sorted((r for r in front if r.accuracy is not None), key=lambda r: r.mflops)
    for below, above in zip(rows, rows[1:]):
        if below.mflops <= mflops <= above.mflops:
            span = math.log(above.mflops / below.mflops)
            part = math.log(mflops / below.mflops) / span if span else 0.0
            accuracy = below.accuracy + part * (above.accuracy - below.accuracy)
            return accuracy, (below.limit, above.limit)
    return None, ()


def _nearest(mflops: float, front: Sequence[FrontRow]) -> FrontRow:
    return min(front, key=lambda row: abs(math.log(row.mflops / mflops)))
