"""What two runs left behind, bit for bit."""

import json
import math
import re
from pathlib import Path
from typing import Any, Iterator

import torch
from torch import Tensor

# Folders of logs, named by the time of a start.
LOGS = re.compile(r'\d{8}_\d{6}')
# Parts of a checkpoint that tell the time, or what mmengine keeps for its logs while
# a run goes on: which names it has seen, and where it is, which `meta` has too.
PASSING = re.compile(
    r'/meta/(time|experiment_name)'
    r'|/message_hub/runtime_info/(eta|experiment_name|epoch|iter|loop_stage)'
    r'|/message_hub/resumed_keys/.*'
    r'|/message_hub/log_scalars/\w+/(time|data_time|memory)/.*'
)
# Configs, compared as checkpoints have them, and the page that tells the times.
UNLIKE = ('.py', 'report.html')
STARTED_WITH = re.compile(r'^(resume|load_from) *= *.*\n', re.MULTILINE)
TIMES = ('time', 'data_time', 'memory')
NUMBER = re.compile(r'\d+')


def differences(reference: Path, other: Path) -> list[str]:
    """How a work directory differs from another one.

    Compared are the names of the files; in checkpoints and ``subnet.pth`` every
    tensor and value; the bytes of ``subnet.yaml`` and of the report's pictures; and
    each value that was logged, however often. Times and the paths of the directories
    may differ.

    Args:
        reference (Path): Work directory of the run without a kill.
        other (Path): That of the run that was killed and resumed.

    Returns:
        list[str]: One sentence for each file that differs, and for the logs;
        it names what differs first. Empty if nothing does.
    """
    names, others = files(reference), files(other)
    found = [f'{name} is missing' for name in sorted(names - others)]
    found += [f'{name} is left over' for name in sorted(others - names)]
    for name in sorted(names & others, key=_by_number):
        a, b = reference / name, other / name
        if name.endswith('.pth'):
            found += _first(name, _loaded(a), _loaded(b))
        elif name == 'last_checkpoint':
            if Path(a.read_text()).name != Path(b.read_text()).name:
                found.append(f'{name} names {Path(b.read_text()).name}')
        elif not name.endswith(UNLIKE) and a.read_bytes() != b.read_bytes():
            found.append(f'{name} differs')
    return found + _log_differences(logged(reference), logged(other))


def files(folder: Path) -> set:
    """Names of all files below a work directory, without those of logs."""
    paths = (path.relative_to(folder) for path in folder.rglob('*') if path.is_file())
    return {str(path) for path in paths if not LOGS.fullmatch(path.parts[0])}


def logged(folder: Path, start: str = '*') -> dict[tuple[str, int, str], list[float]]:
    """The values in the logs, in the order of time.

    Args:
        folder (Path): Work directory.
        start (str): Name of the logs of one start; all by default.

    Returns:
        dict[tuple, list[float]]: Values by kind (``'iteration'`` or
        ``'epoch'``), step and name.
    """
    values: dict[tuple[str, int, str], list[float]] = {}
    for path in sorted(folder.glob(f'{start}/vis_data/scalars.json')):
        # The last line may have been cut off by a kill.
        for line in path.read_text().split('\n')[:-1]:
            line = json.loads(line)
            validation = any(name.startswith('accuracy/') for name in line)
            kind, step = ('iteration', 'epoch')[validation], line.pop('step')
            for name, value in line.items():
                if name not in TIMES:
                    values.setdefault((kind, step, name), []).append(float(value))
    return values


def _log_differences(reference: dict, other: dict) -> list[str]:
    for key in sorted(reference.keys() | other.keys()):
        wanted, got = set(reference.get(key, ())), set(other.get(key, ()))
        wanted, got = ({repr(value) for value in values} for values in (wanted, got))
        if wanted != got:
            kind, step, name = key
            return [
                f'logs: {name} of {kind} {step} is {" and ".join(sorted(got))}, '
                f'not {" and ".join(sorted(wanted))}'
            ]
    return []


def _first(name: str, reference: dict, other: dict) -> list[str]:
    """The first difference of two flat dictionaries, and the number of all."""
    found = []
    for key in sorted(reference.keys() | other.keys()):
        if key not in other:
            found.append(f'{key} is missing')
        elif key not in reference:
            found.append(f'{key} is left over')
        elif not same(reference[key], other[key]):
            found.append(f'{key} {_words(reference[key], other[key])}')
    more = f'; so do {len(found) - 1} more' if len(found) > 1 else ''
    return [f'{name}: {found[0]}{more}'] if found else []


def same(a: Any, b: Any) -> bool:
    """Whether two tensors or plain values are equal in type and every bit."""
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return type(a) is type(b) and repr(a) == repr(b)
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    a, b = (t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b))
    return torch.equal(a, b)


def _words(a: Any, b: Any) -> str:
    if isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape:
        distance = (a.double() - b.double()).abs().reshape(-1)
        return (
            f'differs in {int((distance != 0).sum())} of {a.numel()} values by up '
            f'to {max(distance.tolist(), default=math.nan):.1e}'
        )
    return f'is {str(b)[:80]!r}, not {str(a)[:80]!r}'


def _loaded(path: Path) -> dict[str, Any]:
    """A checkpoint as a flat dictionary, without what tells times or paths."""
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:
        # A damaged file differs from a whole one, whatever it raises.
        return {'/': f'damaged: {error}'.split('\n')[0]}
    folder = str(path.parent.resolve())
    leaves = {}
    for key, value in _leaves(content):
        if isinstance(value, str):
            value = STARTED_WITH.sub('', value.replace(folder, ''))
        if not PASSING.fullmatch(key):
            leaves[key] = value
    return leaves


def _leaves(value: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f'{key}/{name}')
    elif isinstance(value, (list, tuple)):
        yield f'{key}/length', len(value)
        for i, part in enumerate(value):
            yield from _leaves(part, f'{key}/{i}')
    else:
        yield key, value


def _by_number(name: str) -> list:
    return [int(n) for n in NUMBER.findall(name)], name
