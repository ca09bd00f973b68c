"""The file that keeps measured latencies.

JSON: ``setting`` (see ``LatencyMeter.setting``), ``blocks`` (milliseconds by block and
candidate) and ``fixed_part`` (milliseconds).
"""

import json
import math
from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union

from mmdsnas.errors import ConfigError
from mmdsnas.utils.files import write_atomically

# Python's JSON parser can crash on more; ours has 3 levels.
MAX_DEPTH = 20


class LatencyTable(NamedTuple):
    """Measured latencies of a supernet.

    Attributes:
        blocks (dict[str, dict[str, float]]): Milliseconds by block and candidate.
        fixed_part (float): Milliseconds of what every path contains.
    """

    blocks: Dict[str, Dict[str, float]]
    fixed_part: float


def read_latencies(
    path: Union[str, Path],
) -> Optional[Tuple[Dict[str, Any], LatencyTable]]:
    """Reads a file of :func:`write_latencies`.

    Args:
        path (str | Path): It need not exist.

    Returns:
        tuple, optional: The setting and the table; None if there is no file.

    Raises:
        ConfigError: It is another file, or damaged.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding='utf-8')
        steps = ((char in '[{') - (char in ']}') for char in text)
        if max(accumulate(steps), default=0) > MAX_DEPTH:
            raise ValueError('too deep')
        content = json.loads(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _wrong(path, f'cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise _wrong(path, 'is not valid JSON') from error
    if not isinstance(content, dict) or set(content) != {
        'setting',
        *LatencyTable._fields,
    }:
        raise _wrong(path, 'does not have the entries of one')
    setting, table = content.pop('setting'), LatencyTable(**content)
    rows = table.blocks.values() if isinstance(table.blocks, dict) else [None]
    if not isinstance(setting, dict) or not all(isinstance(r, dict) for r in rows):
        raise _wrong(path, 'does not have the entries of one')
    if not all(
        map(_is_latency, [table.fixed_part, *(t for r in rows for t in r.values())])
    ):
        raise _wrong(path, 'has an entry that is no latency')
    return setting, table


def _is_latency(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value >= 0


def _wrong(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        'resource_estimator.latency.file must be a file of measured latencies, or '
        f'one that does not exist yet, but {path} {reason}.'
    )


def write_latencies(
    path: Union[str, Path], setting: Dict[str, Any], table: LatencyTable
) -> None:
    """Writes a file, atomically.

    Args:
        path (str | Path): The file.
        setting (dict): What the latencies depend on.
        table (LatencyTable): The latencies.
    """
    text = json.dumps(dict(setting=setting, **table._asdict()), indent=2)
    with write_atomically(path) as temporary:
        temporary.write_text(f'{text}\n', encoding='utf-8')
