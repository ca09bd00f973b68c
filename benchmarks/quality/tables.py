"""What the tables of the benchmark share."""

from typing import Any

Search = dict[str, Any]


def select(searches: list[Search], **wanted: Any) -> list[Search]:
    """The searches whose keys have these values."""
    return [s for s in searches if all(s[k] == v for k, v in wanted.items())]
