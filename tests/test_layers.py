"""The rooms of the package: which one may import which."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import mmdsnas

ROOT = Path(mmdsnas.__file__).parent
# From the ground up: each may import those before it, and the modules at the top.
LAYERS = (
    'utils',
    'datasets',
    'models',
    'subnets',
    'visualization',
    'engine',
    'launch',
    'deployment',
    'command_line',
)


def name_of(path):
    parts = ('mmdsnas', *path.relative_to(ROOT).with_suffix('').parts)
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {name_of(path): path for path in ROOT.rglob('*.py')}


def imported_by(name):
    """Modules of the package that a module imports, wherever it does."""
    path, found = FILES[name], set()
    package = name if path.name == '__init__.py' else name.rpartition('.')[0]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split('.')[: -(node.level - 1) or None] * bool(node.level)
            source = '.'.join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f'{source}.{alias.name}'
                found.add(inner if inner in FILES else source)
    return {source for source in found if source in FILES} - {name}


def layer_of(name):
    return name.split('.')[1] if name.count('.') else ''


def test_every_package_is_a_layer():
    packages = {path.parent.name for path in ROOT.glob('*/__init__.py')}
    assert packages == set(LAYERS)


def test_no_layer_imports_a_higher_one():
    ranks = {layer: k for k, layer in enumerate(LAYERS)}
    upward = [
        f'{name} imports {source}'
        for name in FILES
        for source in imported_by(name)
        if layer_of(source) in ranks
        and ranks.get(layer_of(name), -1) < ranks[layer_of(source)]
    ]
    assert not upward


def test_there_is_no_circle():
    # It says which modules are in one.
    TopologicalSorter({name: imported_by(name) for name in FILES}).prepare()


def test_no_file_is_long():
    lines = {
        n: len(p.read_text(encoding='utf-8').splitlines()) for n, p in FILES.items()
    }
    assert {name for name, count in lines.items() if count > 250} == set()
