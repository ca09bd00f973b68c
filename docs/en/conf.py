"""How Sphinx builds the documentation: `make docs`."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from mmdsnas import __version__  # noqa: E402

project = 'mmdsnas'
author = 'the mmdsnas authors'
release = version = __version__

extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
# As `make notebook` left them.
nb_execution_mode = 'off'
html_theme = 'furo'
html_title = f'mmdsnas {release}'
# Nothing is loaded from elsewhere when a page is opened.
html_show_sphinx = False
myst_heading_anchors = 4
myst_enable_extensions = ['colon_fence']

# As the code has them: what is needed first comes first.
autodoc_member_order = 'bysource'
# The docstrings say types, with shapes.
autodoc_typehints = 'none'
autoclass_content = 'class'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# The fields of a named tuple are members already.
napoleon_use_ivar = True

# A link that leads nowhere is a warning, and a warning ends the build.
nitpicky = True
# Words in the types of docstrings, and classes of other packages: their pages cannot
# be looked up without a network.
nitpick_ignore_regex = [
    ('py:class', r'(?!mmdsnas\.).*'),
    # Bases that are no part of the reference.
    ('py:class', r'mmdsnas\..*\.(_.*|.*Mixin|Base\w+|GroupedMutator|LoadResized)'),
]

# Pages that live elsewhere, since they are read there too.
ELSEWHERE = {
    'readme': 'README.md',
    'user_guides/model_page': 'configs/dsnas/README.md',
    'user_guides/baselines': 'configs/baselines/README.md',
    'contributing': 'CONTRIBUTING.md',
    'changelog': 'CHANGELOG.md',
}
_LINK = re.compile(r'(!?)\[([^][]+)\]\(([^)#\s:]+)(#[^)\s]*)?\)')


def relink(text: str, origin: Path, page: Path) -> str:
    """Lets the links of a page lead on from where the page is shown.

    Args:
        text (str): The page's Markdown.
        origin (Path): The file that it is from, to which its links are relative.
        page (Path): The file below this folder that it is shown as.

    Returns:
        str: Links to pages lead to pages, those to other files to a copy.

    Raises:
        FileNotFoundError: A link leads nowhere.
    """
    pages = {ROOT / file: HERE / f'{name}.md' for name, file in ELSEWHERE.items()}

    def moved(match: re.Match) -> str:
        image, words, target, anchor = match.groups()
        path = Path(os.path.normpath(origin.parent / target))
        if not path.exists():
            raise FileNotFoundError(f'{origin} links to {target}, which is not there.')
        path = pages.get(path, path)
        if image or path.suffix in ('.md', '.ipynb'):
            path = os.path.relpath(path, page.parent)
            return f'{image}[{words}]({path}{anchor or ""})'
        words = words.replace('`', '')
        return f'{{download}}`{words} </{os.path.relpath(path, HERE)}>`'

    # Links in code are none.
    parts = re.split(r'(^```.*?^```$)', text, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [_LINK.sub(moved, part) for part in parts[::2]]
    return ''.join(parts)


def _read(app, docname, source) -> None:
    """Takes in pages from elsewhere."""
    if Path(app.env.doc2path(docname)).suffix != '.md':
        return
    page = HERE / f'{docname}.md'
    origin = ROOT / ELSEWHERE[docname] if docname in ELSEWHERE else page
    source[0] = relink(origin.read_text(encoding='utf-8'), origin, page)


def setup(app) -> None:
    """Registers what is above."""
    app.connect('source-read', _read)
