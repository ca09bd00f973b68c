"""The pytest plugin that executes the blocks of pages.

    pytest -p docs.examples.plugin README.md

The blocks of a document are executed in their order in one folder that looks like the
checkout, with small data. Shell commands are made small by the table in ``small.py``;
what a document needs else stands in ``documents.py``.
"""

import contextlib
import re
from collections import Counter
from pathlib import Path

import pytest
from sybil import Example, Region, Sybil
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from mmdsnas.launch.run_config import load_config
from .documents import DOCUMENTS, Document
from .scratch import ROOT, make_scratch, run_shell

SHELL = ('shell', 'bash', 'sh')
# Blocks that are no commands: output and references.
NOT_CODE = ('text', 'latex', 'bibtex')


def name_of(path) -> str:
    return str(Path(path).relative_to(ROOT))


def blocks(document):
    """All blocks of a page that are code."""
    for region in FencedCodeBlockLexer(language=r'[^\n]*')(document):
        language = region.lexemes['language'].strip()
        # In braces: a directive of the documentation, a part of the page.
        if language not in NOT_CODE and not language.startswith('{'):
            parsed = language, region.lexemes['source']
            yield Region(region.start, region.end, parsed, evaluate)


def evaluate(example: Example) -> str:
    """Executes a block; returns what is wrong."""
    name = name_of(example.path)
    document = DOCUMENTS[name]
    language, source = example.parsed
    folder = example.namespace['folder']
    if not folder.exists():
        make_scratch(folder)
        for fixture in document.before:
            fixture(folder)
        example.namespace['files'] = iter(document.files)
    for word, instead in document.words.items():
        source = re.sub(rf'(?<!\w){re.escape(word)}(?!\w)', instead, source)
    if language in SHELL:
        return run_shell(source, folder)
    if language == 'python':
        return run_python(example, document, source)
    return f'nothing is known of blocks of {language!r}'


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


pages = Sybil(parsers=[blocks], patterns=['*.md'], path=str(ROOT), fixtures=['folder'])
pytest_collect_file = pages.pytest()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Of one document; it is made with its first block."""
    return tmp_path_factory.mktemp('document') / 'checkout'


def pytest_configure(config):
    """The table of documents and the pages must know each other."""
    if hasattr(config, 'workerinput') or any('::' in arg for arg in config.args):
        return  # Another process looks, or single blocks are chosen by hand.
    asked = [Path(arg).resolve() for arg in config.args]
    there = {name_of(p) for path in asked for p in (path, *path.rglob('*.md'))}
    there |= {n for n in DOCUMENTS if any((ROOT / n).is_relative_to(p) for p in asked)}
    wrong = [each for name in sorted(there) for each in mistakes(name)]
    if wrong:
        raise pytest.UsageError('docs/examples/documents.py: ' + '\n'.join(wrong))


def mistakes(name):
    """What the table does not know of a page, and what of it is not there."""
    page = ROOT / name
    sources = []
    if page.is_file() and page.suffix == '.md':
        sources = [example.parsed[1] for example in pages.parse(page).examples()]
    if name in DOCUMENTS:
        document = DOCUMENTS[name]
        if document.blocks != len(sources):
            yield f'{name} has {len(sources)} blocks of code, not {document.blocks}.'
    elif sources:
        yield f'{name} is missing: how are its {len(sources)} blocks executed?'


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section('examples of the documentation')
    number, seconds = Counter(), Counter()
    for report in terminalreporter.stats.get('passed', []):
        name = report.nodeid.partition('::')[0]
        number[name] += 1
        seconds[name] += report.duration
    for name in sorted(number):
        line = f'{number[name]:3} executed in {seconds[name]:4.0f} s  {name}'
        terminalreporter.line(line)
    failed = len(terminalreporter.stats.get('failed', []))
    total = sum(number.values())
    terminalreporter.line(f'{total} executed, {failed} failed')
