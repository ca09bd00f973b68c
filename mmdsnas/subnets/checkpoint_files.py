"""The checkpoints that a run begins with."""

import os
import os.path as osp
import re
from contextlib import contextmanager
from logging import WARNING
from pathlib import Path
from typing import Any, Iterator

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from mmdsnas.errors import CheckpointError
from mmdsnas.utils.ranks import on_rank_0
from .checkpoint import LAST_CHECKPOINT, load_checkpoint, load_safely

_NUMBERED = re.compile(r'(.*?)([0-9]{1,15})(\.\w+)')
# torch makes all its loading safe by the first, and by default unsafe by the second.
FORCE_SAFE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
FORCE_UNSAFE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


class Checkpoints:
    """Loads checkpoints, each once although mmengine needs it too.

    Args:
        trust (bool): Whether code in the files may run.
    """

    def __init__(self, trust: bool = False) -> None:
        self.trust = trust
        self._kept: dict[str, Any] = {}

    def load(self, path: str | Path) -> dict[str, Any]:
        """Loads a checkpoint, see ``load_checkpoint``, and keeps it for mmengine."""
        if str(path) not in self._kept:
            self._kept = {str(path): load_checkpoint(path, self.trust)}
        return self._kept[str(path)]

    @contextmanager
    def for_mmengine(self) -> Iterator[None]:
        """Lets mmengine load by this object what it loads from local files.

        Unless files are trusted, whatever else loads by ``torch.load`` does it
        safely, too.
        """
        schemes = CheckpointLoader._schemes.copy()
        forcing = (FORCE_SAFE, FORCE_UNSAFE)
        before = {name: os.environ[name] for name in forcing if name in os.environ}
        CheckpointLoader.register_scheme('', self._load_from_local, force=True)
        if not self.trust:
            os.environ.pop(FORCE_UNSAFE, None)
            os.environ[FORCE_SAFE] = '1'
        try:
            yield
        finally:
            CheckpointLoader._schemes = schemes
            os.environ.pop(FORCE_SAFE, None)
            os.environ.update(before)

    def _load_from_local(self, filename: str, map_location: Any = None) -> Any:
        # Once: who gets it changes it. It is on the CPU, from where it is copied.
        kept = self._kept.pop(filename, None)
        return load_safely(filename, self.trust) if kept is None else kept


def find_latest(checkpoints: Checkpoints, work_dir: str | Path) -> str | None:
    """The newest checkpoint of a work directory that is whole; None without any.

    Its ``last_checkpoint`` names the newest; where that is damaged or missing, the one
    before is taken with a warning. Rank 0 looks for it, for all ranks.

    Raises:
        CheckpointError: There are checkpoints, but all are damaged.
    """
    task = 'look for a checkpoint to resume'
    return on_rank_0(lambda: _first_whole(checkpoints, Path(work_dir)), task)


def _first_whole(checkpoints: Checkpoints, work_dir: Path) -> str | None:
    reasons = []
    for path in _newest_first(work_dir):
        try:
            checkpoints.load(path)
        except CheckpointError as error:
            reasons.append(str(error).removesuffix('.'))
            continue
        for reason in reasons:
            print_log(f'{reason}: {path} is resumed.', 'current', WARNING)
        return str(path)
    if reasons:
        raise CheckpointError(
            f'no checkpoint of {work_dir} can be resumed: {"; ".join(reasons)}.'
        )
    return None


def _newest_first(work_dir: Path) -> list[Path]:
    """The one that ``last_checkpoint`` names, those before it, then the others."""
    noted, text = work_dir / LAST_CHECKPOINT, ''
    try:
        text = noted.read_text(encoding='utf-8').strip()
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        print_log(f'{noted} cannot be read: {error}.', 'current', WARNING)
    if not text:
        number = _siblings(work_dir / 'epoch_0.pth')
        return sorted(number, key=number.get, reverse=True)
    # A work directory that was moved or copied has another path than the one noted.
    named = Path(text)
    places = [work_dir / named.name, named]
    newest = next((p for p in places if osp.isfile(p) or _siblings(p)), named)
    number = {path: n for path, n in _siblings(newest).items() if path != newest}
    last = int(_NUMBERED.fullmatch(newest.name)[2]) if number else 0
    return [newest, *sorted(number, key=lambda p: (number[p] > last, -number[p]))]


def _siblings(path: Path) -> dict[Path, int]:
    """Files beside a path, which differ from it in their number: their numbers."""
    own = _NUMBERED.fullmatch(path.name)
    if own is None or not osp.isdir(path.parent):
        return {}
    parts = {p: _NUMBERED.fullmatch(p.name) for p in path.parent.iterdir()}
    return {
        p: int(m[2]) for p, m in parts.items() if m and m.group(1, 3) == own.group(1, 3)
    }
