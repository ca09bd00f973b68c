"""The public names of the package, also where OpenMMLab's packages have theirs."""

from . import __dir__, __getattr__  # noqa: F401
