"""Reads the options of a config that a run dumped, without running it."""

import ast
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

from mmdsnas.errors import ConfigError


def read_options(path: Path) -> Tuple[Dict[str, Any], str]:
    """Options of a dumped config.

    Args:
        path (Path): A Python file of assignments, as mmengine's ``Config.dump``
            writes it. A file of somebody else might do anything, so that it is
            parsed alone; what is no plain value becomes its text.

    Returns:
        tuple[dict, str]: Value by option, and the text of the file.

    Raises:
        ConfigError: The file is no such text.
    """
    try:
        text = path.read_text(encoding='utf-8')
        tree = ast.parse(text)
        options = {
            target.id: _value(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
    # Of a text that is none, or has too many brackets, or a list as a key.
    except (
        OSError,
        ValueError,
        TypeError,
        SyntaxError,
        RecursionError,
        MemoryError,
    ) as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f'{path} must be a config that a run dumped, but cannot be read: {reason}.'
        ) from error
    return options, text


def _value(node: ast.expr) -> Any:
    if isinstance(node, (ast.List, ast.Tuple)):
        kind = list if isinstance(node, ast.List) else tuple
        return kind(_value(item) for item in node.elts)
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(k): _value(v) for k, v in zip(node.keys, node.values)}
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == 'dict'
        and not node.args
        and all(keyword.arg for keyword in node.keywords)
    ):
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def option(options: Dict[str, Any], name: str, default: Any = None) -> Any:
    """An option by its dotted name, the default where a part of it is missing."""
    value: Any = options
    for key in name.split('.'):
        if not isinstance(value, dict) or key not in value:
            return default
        value = value[key]
    return value


def flat(value: Any, name: str = '') -> Iterator[Tuple[str, Any]]:
    """Options by dotted name; what is in a list is counted from 0."""
    if isinstance(value, (dict, list, tuple)) and value:
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from flat(part, f'{name}.{key}' if name else str(key))
    else:
        yield name, value
