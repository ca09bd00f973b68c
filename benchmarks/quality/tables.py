"""What the tables of the benchmark share."""

from typing import Any, Dict, List

Search = Dict[str, Any]


def select(searches: List[Search], **wanted: Any) -> List[Search]:
    """The searches whose keys have these values."""
    return [s for s in searches if all(s[k] == v for k, v in wanted.items())]
