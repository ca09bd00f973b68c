"""How the documentation is put together."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs' / 'en'


@pytest.fixture(scope='module')
def conf():
    return runpy.run_path(str(DOCS / 'conf.py'))


def test_every_page_is_in_a_table_of_contents():
    files = [*DOCS.rglob('*.md'), *DOCS.rglob('*.ipynb')]
    pages = {str(file.relative_to(DOCS).with_suffix('')) for file in files}
    listed = [
        line.rpartition('<')[2].rstrip('>')
        for table in re.findall(r'```{toctree}\n(.*?)```', index(), re.S)
        for line in table.splitlines()
        if line and not line.startswith(':')
    ]
    assert sorted([*listed, 'index']) == sorted(pages)


def index():
    return (DOCS / 'index.md').read_text()


def test_pages_from_elsewhere_are_there(conf):
    for name, file in conf['ELSEWHERE'].items():
        assert (ROOT / file).is_file()
        assert file in (DOCS / f'{name}.md').read_text()


@pytest.mark.parametrize(
    'link, shown',
    [
        # Pages: below docs/en, and from elsewhere.
        ('[a](docs/en/method.md#x)', '[a](../method.md#x)'),
        ('[a](CONTRIBUTING.md)', '[a](../contributing.md)'),
        ('[a](configs/dsnas/README.md)', '[a](model_page.md)'),
        ('[a](docs/en/notebooks/digits.ipynb)', '[a](../notebooks/digits.ipynb)'),
        ('[`a`](mmdsnas/errors.py)', '{download}`a </../../mmdsnas/errors.py>`'),
        ('![a](docs/en/figures/front.svg)', '![a](../figures/front.svg)'),
        # Left as they are.
        ('[a](https://a.b/c)', '[a](https://a.b/c)'),
        ('[a](#b)', '[a](#b)'),
        ('```text\n[a](nothing.md)\n```', '```text\n[a](nothing.md)\n```'),
    ],
)
def test_links_are_led_on(conf, link, shown):
    page = DOCS / 'user_guides' / 'page.md'
    text = conf['relink'](f'before\n\n{link}\n\nafter\n', ROOT / 'README.md', page)
    assert text == f'before\n\n{shown}\n\nafter\n'


def test_a_link_to_nothing_is_refused(conf):
    with pytest.raises(FileNotFoundError, match='README.md links to nothing.md'):
        conf['relink']('[a](nothing.md)', ROOT / 'README.md', DOCS / 'page.md')
