"""DSNAS (Hu et al., CVPR 2020) as a plugin for MMRazor.

Importing the package makes MMRazor 1.0.0 usable on current torch and says in
one sentence if a package has another version than the tested one.
"""

import warnings

from .compat import make_mmrazor_importable
from .versions import (
    MMCV_DISTRIBUTIONS,
    TESTED,
    __version__,
    installed_version,
    untested_versions,
)

for _package in TESTED:
    if not installed_version(_package):
        _names = MMCV_DISTRIBUTIONS if _package == 'mmcv' else (_package,)
        raise ImportError(
            f'mmdsnas needs the package {_package}, which is not installed: '
            f'pip install "{_names[-1]}=={TESTED[_package]}"'
            + (' (or the full mmcv)' if _package == 'mmcv' else '')
        )

if untested_versions():
    warnings.warn(
        f'mmdsnas {__version__} was not tested with {", ".join(untested_versions())}.',
        stacklevel=2,
    )

make_mmrazor_importable()

__all__ = ['__version__']
