"""The file that keeps measured latencies."""

from pathlib import Path
from typing import Any, Dict, Optional

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError

from mmdsnas.errors import ConfigError
from mmdsnas.utils.files import write_atomically


class LatencyTable(BaseModel):
    """Measured latencies of a supernet in ms, as a JSON file keeps them.

    They are those of the blocks, by block and candidate, and of what every path
    contains; ``setting`` is what they depend on, see ``LatencyMeter.setting``.
    """

    model_config = ConfigDict(extra='forbid', strict=True, allow_inf_nan=False)

    setting: Dict[str, Any]
    blocks: Dict[str, Dict[str, NonNegativeFloat]]
    fixed_part: NonNegativeFloat


def read_latencies(path: Path) -> Optional[LatencyTable]:
    """Reads a file of latencies, None if there is none; refuses what is none."""
    try:
        return LatencyTable.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f'cannot be read: {error.strerror}'
    except ValidationError as error:
        reason = f'is another one: {error.errors()[0]["msg"]}'
    raise ConfigError(
        'resource_estimator.latency.file must be a file of measured latencies, or one '
        f'that does not exist yet, but {path} {reason}.'
    )


def write_latencies(path: Path, table: LatencyTable) -> None:
    """Writes a file of latencies, atomically."""
    with write_atomically(path) as temporary:
        temporary.write_text(f'{table.model_dump_json(indent=2)}\n', 'utf-8')
