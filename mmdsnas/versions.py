"""The one place that says which versions mmdsnas was tested with.

``setup.py`` and the import check of the package both read it, so it imports
nothing but the standard library.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = '0.1.0'

# Distribution name -> the release that the tests run on. mmcv is provided by
# either of two distributions and is listed under its import name.
TESTED: dict[str, str] = {
    'torch': '2.13.0',
    'mmengine': '0.10.7',
    'mmcv': '2.0.1',
    'mmcls': '1.0.0rc6',
    'mmrazor': '1.0.0',
}
TESTED_PYTHON = '3.11'
MMCV_DISTRIBUTIONS = ('mmcv', 'mmcv-lite')


def installed_version(name: str) -> str:
    """Version of an installed distribution, or ``''`` if there is none."""
    for distribution in MMCV_DISTRIBUTIONS if name == 'mmcv' else (name,):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return ''


def untested_versions() -> list[str]:
    """Finds other versions than the tested ones: ``torch 2.11.0 (tested: 2.13.0)``.

    Missing packages, patch releases of Python and build tags do not count.
    """
    found = []
    python = '.'.join(platform.python_version_tuple()[:2])
    if python != TESTED_PYTHON:
        found.append(f'Python {python} (tested: {TESTED_PYTHON})')
    for name, tested in TESTED.items():
        have = installed_version(name).split('+')[0]
        if have and have != tested:
            found.append(f'{name} {have} (tested: {tested})')
    return found
