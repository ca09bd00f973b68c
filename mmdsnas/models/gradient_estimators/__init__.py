"""Estimators of the gradient of ``alpha``: a new one is a module here, no more."""

from importlib import import_module
from pkgutil import iter_modules

from ..mutables.functional import gate, inner_product
from .base import BaseGradientEstimator, Task

_modules = [import_module(f'{__name__}.{m.name}') for m in iter_modules(__path__)]
_estimators = {
    name: value
    for module in _modules
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, BaseGradientEstimator)
}
globals().update(_estimators)
__all__ = ['Task', 'gate', 'inner_product', *sorted(_estimators)]
