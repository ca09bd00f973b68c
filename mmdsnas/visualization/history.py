"""The history of a run, read from the files that it left."""

import inspect
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Union

from mmdsnas.errors import ConfigError, DataError
from mmdsnas.models import DSNAS
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import what_is_missing
from mmdsnas.subnets.metadata import number
from .child import Child, Progress, read_child
from .options import option, read_options
from .sessions import Records, Session, merged, read_starts


class Curve(NamedTuple):
    """Values of one number over the epochs, from 0 when the run begins."""

    at: List[float]
    values: List[float]


class Stage(NamedTuple):
    """A stage of a search: its name, and the epochs in which it begins and ends."""

    name: str
    begin: float
    end: float


@dataclass
class Run:
    """What the files of a run tell, in plain numbers.

    Attributes:
        work_dir (Path): Where they are.
        options (dict): The config, as it was used last.
        config (str): The same as text.
        by_epoch (bool): Whether the run counts epochs, or iterations.
        length (float): Epochs, or iterations, that it was to have; what it had, if
            none says that.
        done (float): Epochs, or iterations, that it had.
        missing (str, optional): What it lacks of being done; None if it is done.
        stages (list[Stage]): Of a search.
        train (dict[str, Curve]): What was logged in training, by its name.
        val (dict[str, Curve]): What was logged in validations, by its name.
        fixed_in (dict[str, int]): The epoch, from 1, at whose start a block was fixed.
        child (Child): What is told of it.
        facts (dict[str, str]): Seed and versions.
        sessions (list[Session]): The starts of the run.
        left_out (list[str]): What of its files could not be read, or is not of it.
    """

    work_dir: Path
    options: Dict[str, Any]
    config: str
    by_epoch: bool
    length: float
    done: float
    missing: Optional[str]
    stages: List[Stage]
    train: Dict[str, Curve]
    val: Dict[str, Curve]
    fixed_in: Dict[str, int]
    child: Child
    facts: Dict[str, str]
    sessions: List[Session]
    left_out: List[str]

    @property
    def name(self) -> str:
        """The name of the work directory."""
        return self.work_dir.name

    @property
    def seconds(self) -> Optional[float]:
        """From the first to the last line of its logs, without interruptions."""
        spans = [s.times[-1] - s.times[0] for s in self.sessions if s.times]
        return sum(span.total_seconds() for span in spans) if spans else None

    @property
    def limits(self) -> Dict[str, float]:
        """The limits on the cost, by measure: the sound ones of the config."""
        limit = option(self.options, 'model.cost.limit')
        given = limit if isinstance(limit, dict) else {'flops': limit}
        return {m: given[m] for m in COSTS if number(given.get(m)) is not None}

    def by_block(self, kind: str) -> Dict[str, Curve]:
        """Curves such as ``reward/<block>``, by block.

        Args:
            kind (str): What their names begin with, ``'entropy'`` or ``'reward'``.
        """
        prefix = f'{kind}/'
        return {
            name.removeprefix(prefix): curve
            for name, curve in self.train.items()
            if name.startswith(prefix)
        }

    def probabilities(self) -> Dict[str, Dict[str, Curve]]:
        """Probabilities at the end of epochs, by block and candidate."""
        blocks: Dict[str, Dict[str, Curve]] = {}
        known = self.by_block('entropy')
        for name, curve in self.by_block('prob').items():
            # A candidate may have a slash in its name, and a block one in its alias.
            found = [block for block in known if name.startswith(f'{block}/')]
            block = max(found, key=len, default=name.rpartition('/')[0])
            blocks.setdefault(block, {})[name[len(block) + 1 :]] = curve
        return blocks


def check_work_dir(folder: Union[str, Path]) -> Path:
    """The whole path of a work directory.

    Args:
        folder (str | Path): The folder.

    Raises:
        DataError: It is no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f'WORK_DIR must be the work directory of a run, but {folder} is not a '
            'folder.'
        )
    return folder.resolve()


def read_run(work_dir: Union[str, Path]) -> Run:
    """Reads a run, finished, interrupted or resumed: a search, or a training.

    Of several runs in one folder it is the last. What is damaged is left out.

    Args:
        work_dir (str | Path): Its work directory.

    Raises:
        DataError: It is none, or nothing in it can be read.
    """
    work_dir = check_work_dir(work_dir)
    sessions, earlier, left_out = read_starts(work_dir)
    if earlier:
        left_out.insert(0, 'what an earlier run left in this folder')
    options, config = _config(work_dir, sessions, left_out)
    by_epoch = sessions[-1].by_epoch
    records = merged(sessions, 'train')
    train, val = _curves(records), merged(sessions, 'val')
    # A validation tells of an epoch whose last iterations were not logged.
    done = max([*records, *val])
    kind = 'epochs' if by_epoch else 'iters'
    length = number(option(options, f'train_cfg.max_{kind}'))
    whole = max(done, length or 0)
    plan = _plan(options, length) if by_epoch and length else None
    missing = what_is_missing(dict(epoch=int(done), plan=plan))
    if missing is None and done < whole:
        unit = 'epochs' if by_epoch else 'iterations'
        missing = f'it has done {done:.4g} of {whole:g} {unit}'
    # Without validations it writes the child at its end.
    begun = sessions[0].folder.name if earlier else None
    child = read_child(work_dir, Progress(done, max(val, default=whole), begun))
    facts: Dict[str, str] = {}
    for told in (child.facts, *(session.facts for session in sessions)):
        facts.update(told)
    return Run(
        work_dir=work_dir,
        options=options,
        config=config,
        by_epoch=by_epoch,
        length=whole,
        done=done,
        missing=missing,
        stages=_stages(plan) if plan else [],
        train=train,
        val=_curves(val),
        fixed_in=_fixed_in(train),
        child=child,
        facts=facts,
        sessions=sessions,
        left_out=left_out + child.left_out,
    )


def _config(work_dir: Path, sessions: List[Session], left_out: List[str]):
    files = [session.folder / 'vis_data' / 'config.py' for session in sessions[::-1]]
    files += sorted(work_dir.glob('*.py'))
    file = next((file for file in files if file.is_file()), None)
    try:
        return read_options(file) if file else ({}, '')
    except ConfigError as error:
        left_out.append(str(error).rstrip('.'))
        return {}, ''


def _curves(records: Records) -> Dict[str, Curve]:
    curves: Dict[str, Curve] = {}
    for at, record in records.items():
        for name, value in record.items():
            curve = curves.setdefault(name, Curve([], []))
            curve.at.append(at)
            curve.values.append(value)
    return curves


def _plan(options: Mapping[str, Any], length: float) -> Optional[Dict[str, Any]]:
    """What a search was to do, see ``what_is_missing``; None of another run."""
    if not str(option(options, 'model.type')).endswith('DSNAS'):
        return None
    defaults = inspect.signature(DSNAS.__init__).parameters
    ends = {
        name: number(option(options, f'model.{name}', defaults[name].default))
        for name in ('pretrain_epochs', 'finetune_epochs')
    }
    if None in ends.values():
        return None
    named = option(options, 'default_hooks')
    hooks = [*(option(options, 'custom_hooks') or ())]
    hooks += named.values() if isinstance(named, dict) else ()
    kinds = [h.get('type') for h in hooks if isinstance(h, dict)]
    selects = any(str(kind).endswith('SelectChildHook') for kind in kinds)
    return dict(max_epochs=length, selects=selects, **ends)


def _stages(plan: Mapping[str, Any]) -> List[Stage]:
    """Those of a search, without the empty ones."""
    length = plan['max_epochs']
    ends = [plan[f'{name}_epochs'] for name in ('pretrain', 'finetune')]
    bounds = [0, *(min(end, length) for end in ends), length]
    names = ('pretrain', 'search', 'finetune')
    stages = [Stage(*parts) for parts in zip(names, bounds, bounds[1:])]
    return [stage for stage in stages if stage.begin < stage.end]


def _fixed_in(train: Mapping[str, Curve]) -> Dict[str, int]:
    """The epochs in which blocks were fixed: from then on there is no entropy."""
    fixed = {}
    for name, curve in train.items():
        if not name.startswith('entropy/') or curve.values[-1] != 0:
            continue
        # What has no entropy from the first moment has no choice.
        last = max((k for k, h in enumerate(curve.values) if h != 0), default=None)
        if last is not None:
            fixed[name.removeprefix('entropy/')] = math.ceil(curve.at[last + 1])
    return fixed
