"""What the tables of the benchmark share."""

from typing import Any, Dict, List, Sequence

Search = Dict[str, Any]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def select(searches: List[Search], **wanted: Any) -> List[Search]:
    """The searches whose keys have these values."""
    return [s for s in searches if all(s[k] == v for k, v in wanted.items())]
