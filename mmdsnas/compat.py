"""Makes MMRazor 1.0.0 importable on torch >= 2.0.

``import mmrazor.models`` fails there for one reason: the sub-package
``mmrazor.structures.quantization`` needs names that torch 2 removed. Only that
sub-package is replaced, and only if the real one cannot be imported.
"""

import importlib
import sys
from types import ModuleType

QUANTIZATION = 'mmrazor.structures.quantization'


class _Unavailable:
    """A name of the sub-package; whatever uses it gets an ImportError that says why."""

    def __init__(self, name: str, cause: Exception) -> None:
        self._name, self._cause = name, cause

    def _refuse(self, *args, **kwargs):
        raise ImportError(
            f'MMRazor\'s quantizers are not available: "{self._name}" of '
            f'{QUANTIZATION} needs torch < 2.0 (importing it failed with: '
            f'{self._cause})'
        ) from self._cause

    __call__ = _refuse
    __getitem__ = _refuse

    def __getattr__(self, attribute: str):
        if attribute.startswith('__'):  # introspection, not use
            raise AttributeError(attribute)
        return self._refuse()


def make_mmrazor_importable() -> bool:
    """Puts a stand-in in place of MMRazor's quantization, if it is broken; if so, True.

    Raises:
        ImportError: MMRazor or mmcv is not installed.
    """
    if isinstance(sys.modules.get(QUANTIZATION), _StandIn):
        return True
    importlib.import_module('mmrazor')
    try:
        importlib.import_module(QUANTIZATION)
    except (ImportError, AttributeError) as cause:
        sys.modules[QUANTIZATION] = _StandIn(cause)
        return True
    return False


class _StandIn(ModuleType):
    """The module that takes the place of the broken sub-package."""

    # What mmrazor's own modules import from it.
    __all__ = ['BackendConfigs', 'QConfigHandler']

    def __init__(self, cause: Exception) -> None:
        super().__init__(QUANTIZATION, doc=__doc__)
        for name in self.__all__:
            setattr(self, name, _Unavailable(name, cause))
        self._cause = cause

    def __getattr__(self, name: str):
        if name.startswith('__'):  # introspection, not use
            raise AttributeError(name)
        return _Unavailable(name, self._cause)()
