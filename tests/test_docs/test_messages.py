"""The page of messages has every error class and every message of one."""

import ast
import functools
import inspect
import re
from pathlib import Path

from mmdsnas import errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'en' / 'messages.md').read_text()
CLASSES = {
    name
    for name, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.UserError)
}
# They have no words of their own: what stands for the dots must be filled in.
FORMS = ('... must ..., but is ...',)
# Functions that return the words of an error.
RETURNED = re.compile(r'_report|unknown_option')
WORDS = re.compile(r'[A-Za-z]{2,}')
# First cells of the tables of messages.
TABLES = re.findall(r'^\| message \|.*\n\|.*\n((?:\|.*\n)+)', PAGE, re.M)
FRAGMENTS = [
    fragment
    for table in TABLES
    for row in table.splitlines()
    for fragment in re.findall(r'`([^`]+)`', row.split(' | ')[0])
]


def template(node):
    """The words of an expression, with \0 where something is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return ''.join(map(template, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return '\0'


@functools.cache
def sources():
    files = [f for name in ('mmdsnas', 'tools') for f in (ROOT / name).rglob('*.py')]
    return [(file, ast.parse(file.read_text())) for file in files]


def messages():
    """Words of errors, with the place that makes them; not those in variables."""
    for file, tree in sources():
        for node in ast.walk(tree):
            made = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made = node.args[:1] if node.func.id in CLASSES else []
            elif isinstance(node, ast.FunctionDef) and RETURNED.fullmatch(node.name):
                made = [
                    inner.value
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Return) and inner.value is not None
                ]
            for part in made:
                words = template(part)
                if len(WORDS.findall(words)) > 2:
                    yield f'{file.relative_to(ROOT)}:{part.lineno}', words


def fits(fragment, words):
    parts = [re.escape(part.strip()) for part in fragment.split('...')]
    if fragment in FORMS:
        return re.fullmatch(' ?\0,? ?'.join(parts), words.rstrip('.'))
    return re.search('.*'.join(parts), words, re.DOTALL)


def test_every_class_is_on_the_page():
    assert len(CLASSES) > 7
    for name in CLASSES:
        assert f'`{name}`' in PAGE


def test_every_message_is_on_the_page():
    found = dict(messages())
    assert len(found) > 100
    missing = [
        f'{place} {words!r}'
        for place, words in found.items()
        if not any(fits(fragment, words) for fragment in FRAGMENTS)
    ]
    assert not missing, '\n'.join(missing)


def test_every_message_of_the_page_is_in_the_code():
    said = {
        template(node)
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, (ast.JoinedStr, ast.Constant, ast.BinOp))
    }
    assert [f for f in FRAGMENTS if not any(fits(f, words) for words in said)] == []
