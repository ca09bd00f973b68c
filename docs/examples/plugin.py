"""The pytest plugin that executes the blocks of pages.

    pytest -p docs.examples.plugin README.md

The blocks of a document are executed in their order in one folder that looks like the
checkout, with small data. Shell commands are made small by the table in ``small.py``;
what a document needs else stands in ``documents.py``.
"""

import contextlib
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from sybil import Example, Region, Sybil
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from mmdsnas.command_line.run_config import load_config
from .documents import DOCUMENTS, Document
from .scratch import ROOT, make_scratch, run_shell

SHELL = ('shell', 'bash', 'sh')
# Blocks that are no commands: output, references, parts of a page.
NOT_CODE = ('text', 'latex', 'bibtex', '{toctree}', '{eval-rst}')

executed, left_out, seconds = Counter(), [], Counter()


def name_of(path) -> str:
    return str(Path(path).relative_to(ROOT))


def reason_to_leave(document: Document, source: str) -> str:
    found = (
        why for start, why in document.left_out.items() if source.startswith(start)
    )
    return next(found, '')


def blocks(document):
    """All blocks of a page that are code."""
    for region in FencedCodeBlockLexer(language=r'[^\n]*')(document):
        language = region.lexemes['language']
        if language.strip() not in NOT_CODE:
            parsed = language, region.lexemes['source']
            yield Region(region.start, region.end, parsed, evaluate)


def evaluate(example: Example) -> str:
    """Executes a block; returns what is wrong."""
    name = name_of(example.path)
    document = DOCUMENTS[name]
    language, source = example.parsed
    why = reason_to_leave(document, source)
    if why:
        left_out.append(f'{name}:{example.line}: {why}')
        return ''
    began = time.monotonic()
    folder = example.namespace['folder']
    if not folder.exists():
        make_scratch(folder)
        for fixture in document.before:
            fixture(folder)
        example.namespace['files'] = iter(document.files)
    for word, instead in document.words.items():
        source = re.sub(rf'(?<!\w){re.escape(word)}(?!\w)', instead, source)
    if language in SHELL:
        wrong = run_shell(source, folder)
    elif language == 'python':
        wrong = run_python(example, document, source)
    else:
        wrong = f'nothing is known of blocks of {language!r}'
    executed[name] += not wrong
    seconds[name] += time.monotonic() - began
    return wrong


def run_python(example: Example, document: Document, source: str) -> str:
    folder = example.namespace['folder']
    if document.files and (file := next(example.namespace['files'])):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(source)
        return ''
    with contextlib.chdir(folder):
        if document.base or '_base_' in source:
            check_config_block(document, source)
        else:
            code = compile('\n' * example.line + source, example.path, 'exec')
            exec(code, example.namespace)
    return ''


def check_config_block(document: Document, source: str) -> None:
    if not re.search('^_base_ =', source, re.M):
        source = f'_base_ = {document.base!r}\n{source}'
    file = Path('configs', 'dsnas', 'block.py')
    file.write_text(f'{source}\n{document.after}')
    load_config(str(file))


pytest_collect_file = Sybil(
    parsers=[blocks], patterns=['*.md'], path=str(ROOT), fixtures=['folder']
).pytest()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Of one document; it is made with its first block."""
    return tmp_path_factory.mktemp('document') / 'checkout'


def pytest_collection_modifyitems(config, items):
    """The table of documents and the pages must know each other."""
    if any('::' in arg for arg in config.args):
        return  # single blocks, which are chosen by hand
    sources = {}
    for item in items:
        sources.setdefault(name_of(item.path), []).append(item.example.parsed[1])
    asked = [Path(arg).resolve() for arg in config.args]
    for name in DOCUMENTS:
        if any((ROOT / name).is_relative_to(path) for path in asked):
            sources.setdefault(name, [])
    wrong = [
        sentence
        for name, of_page in sorted(sources.items())
        for sentence in mistakes(name, of_page)
    ]
    if wrong:
        raise pytest.UsageError('docs/examples/documents.py: ' + '\n'.join(wrong))


def mistakes(name, sources):
    """What the table does not know of a page, and what of it is not there."""
    if name not in DOCUMENTS:
        yield f'{name} is missing: how are its {len(sources)} blocks executed?'
        return
    document = DOCUMENTS[name]
    if document.blocks != len(sources):
        yield f'{name} has {len(sources)} blocks of code, not {document.blocks}.'
    for start in document.left_out:
        if not any(source.startswith(start) for source in sources):
            yield f'{name} has no block that begins with {start!r}.'


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section('examples of the documentation')
    for name, number in sorted(executed.items()):
        terminalreporter.line(f'{number:3} executed in {seconds[name]:4.0f} s  {name}')
    total = sum(executed.values())
    terminalreporter.line(f'{total} blocks executed, {len(left_out)} left out:')
    for line in left_out:
        terminalreporter.line(f'  {line}')
