"""DSNAS (Hu et al., CVPR 2020) as a plugin for MMRazor.

Importing the package makes MMRazor 1.0.0 usable on current torch and says in
one sentence if a package has another version than the tested one.

What scripts and notebooks need can be imported from here; its module is loaded when it
is asked for.

Example:
    >>> from mmdsnas import predict, search
    >>> result = search('dsnas_supernet_1xb64_digits', work_dir='work_dirs/digits')
    >>> result.cost['mflops'], result.accuracy
    >>> predict(result.child, ['a.png', 'b.png'])
"""

import importlib
import warnings

from .compat import make_mmrazor_importable
from .versions import TESTED, __version__, installed, pinned, untested_versions

for _package in TESTED:
    if not installed(_package):
        _pin = '=='.join(pinned(_package))
        raise ImportError(
            f'mmdsnas needs the package {_package}, which is not installed: '
            f'pip install "{_pin}"'
            + (' (or the full mmcv)' if _package == 'mmcv' else '')
        )

if untested_versions():
    warnings.warn(
        f'mmdsnas {__version__} was not tested with {", ".join(untested_versions())}.',
        stacklevel=2,
    )

make_mmrazor_importable()

# Public names by the module that has them.
_PUBLIC = {
    'DSNAS': 'models',
    'DifferentiableMutator': 'models',
    'ExportResult': 'deployment',
    'OneHotMutableOP': 'models',
    'PickedChild': 'launch.picking',
    'Prediction': 'launch.children',
    'ResourceEstimator': 'models',
    'SearchResult': 'launch.searching',
    'export': 'deployment',
    'load_child': 'launch.children',
    'pick': 'launch.picking',
    'predict': 'launch.children',
    'report': 'visualization',
    'search': 'launch.searching',
    'test': 'launch.runs',
    'train': 'launch.runs',
}

__all__ = ['__version__', *_PUBLIC]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = importlib.import_module(f'.{_PUBLIC[name]}', __name__)
    return getattr(module, name)


def __dir__():
    return sorted({*globals(), *__all__})
