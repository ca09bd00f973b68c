"""The one place that says which versions mmdsnas was tested with.

``setup.py`` and the import check of the package both read it, so it imports
nothing but the standard library.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = '0.1.0'

# Import name -> distributions that provide it, with the releases that the tests run on:
# the one to install first, then the others. requirements/ has the first ones,
# requirements/stacks/ all others.
TESTED: dict[str, dict[str, tuple[str, ...]]] = {
    'torch': {'torch': ('2.13.0', '2.14.1')},
    'mmengine': {'mmengine': ('0.10.7',), 'onedl-mmengine': ('0.10.12',)},
    'mmcv': {
        'mmcv-lite': ('2.0.1',),
        'mmcv': ('2.0.1',),
        'onedl-mmcv': ('2.3.6',),
    },
    'mmcls': {'mmcls': ('1.0.0rc6',)},
    'mmrazor': {'mmrazor': ('1.0.0',)},
}
TESTED_PYTHON = '3.11'


def pinned(name: str) -> tuple[str, str]:
    """The distribution to install for a package, and its release."""
    return next((d, releases[0]) for d, releases in TESTED[name].items())


def installed(name: str) -> tuple[str, str] | None:
    """The distribution that provides a package, and its version, if there is one."""
    for distribution in TESTED[name]:
        try:
            return distribution, version(distribution)
        except PackageNotFoundError:
            continue
    return None


def untested_versions() -> list[str]:
    """Finds other versions than the tested ones: ``torch 2.11.0 (tested: 2.13.0)``.

    Missing packages, patch releases of Python and build tags do not count.
    """
    found = []
    python = '.'.join(platform.python_version_tuple()[:2])
    if python != TESTED_PYTHON:
        found.append(f'Python {python} (tested: {TESTED_PYTHON})')
    for name, distributions in TESTED.items():
        if have := installed(name):
            distribution, number = have
            tested = distributions[distribution]
            if number.split('+')[0] not in tested:
                found.append(
                    f'{distribution} {number.split("+")[0]} '
                    f'(tested: {", ".join(tested)})'
                )
    return found
