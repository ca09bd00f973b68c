"""Makes MMRazor 1.0.0 and mmcls 1.0.0rc6 importable beside what came after them.

``import mmrazor.models`` fails on torch >= 2.0 for one reason: the sub-package
``mmrazor.structures.quantization`` needs names that torch 2 removed. Only that
sub-package is replaced, and only if the real one cannot be imported.

Both packages refuse mmcv >= 2.1, which has all that they import from it: while they are
imported mmcv has a version that they take.
"""

import importlib
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import Iterator

from mmengine.utils import digit_version

# Which both take.
MMCV = '2.0.1'
QUANTIZATION = 'mmrazor.structures.quantization'


class _Unavailable(ModuleType):
    """The sub-package, or a name in it; its use is an ImportError that says why."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(name)
        self._cause = cause

    def _refuse(self, *args, **kwargs):
        raise ImportError(
            f"MMRazor's quantizers are not available: {self.__name__} needs "
            f'torch < 2.0 (importing it failed with: {self._cause})'
        ) from self._cause

    __call__ = _refuse
    __getitem__ = _refuse

    def __getattr__(self, name: str) -> '_Unavailable':
        if name.startswith('__'):  # introspection, not use
            raise AttributeError(name)
        found = _Unavailable(f'{self.__name__}.{name}', self._cause)
        # MMRazor's own modules import these; the import of another name fails.
        return found if name in ('BackendConfigs', 'QConfigHandler') else found()


@contextmanager
def _mmcv_of_then() -> Iterator[None]:
    """While open, mmcv says that it has the version that both packages ask for."""
    mmcv = importlib.import_module('mmcv')
    own = mmcv.__version__
    if digit_version(own) > digit_version(MMCV):
        mmcv.__version__ = MMCV
    try:
        yield
    finally:
        mmcv.__version__ = own


def make_mmrazor_importable() -> bool:
    """Puts a stand-in in place of MMRazor's quantization, if it is broken; if so, True.

    Raises:
        ImportError: MMRazor or mmcv is not installed.
    """
    if isinstance(sys.modules.get(QUANTIZATION), _Unavailable):
        return True
    with _mmcv_of_then():
        for package in ('mmcls', 'mmrazor'):
            importlib.import_module(package)
    try:
        importlib.import_module(QUANTIZATION)
    except (ImportError, AttributeError) as cause:
        sys.modules[QUANTIZATION] = _Unavailable(QUANTIZATION, cause)
        return True
    return False
