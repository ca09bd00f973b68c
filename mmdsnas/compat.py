"""Makes MMRazor 1.0.0 importable on torch >= 2.0.

``import mmrazor.models`` fails there for one reason: the sub-package
``mmrazor.structures.quantization`` needs names that torch 2 removed. Only that
sub-package is replaced, and only if the real one cannot be imported.
"""

import importlib
import sys
from types import ModuleType

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


def make_mmrazor_importable() -> bool:
    """Puts a stand-in in place of MMRazor's quantization, if it is broken; if so, True.

    Raises:
        ImportError: MMRazor or mmcv is not installed.
    """
    if isinstance(sys.modules.get(QUANTIZATION), _Unavailable):
        return True
    importlib.import_module('mmrazor')
    try:
        importlib.import_module(QUANTIZATION)
    except (ImportError, AttributeError) as cause:
        sys.modules[QUANTIZATION] = _Unavailable(QUANTIZATION, cause)
        return True
    return False
