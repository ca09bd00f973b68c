"""How fast searches and their data are."""

# Makes mmrazor importable, in fresh processes too, whatever began them.
import mmdsnas  # noqa: F401
