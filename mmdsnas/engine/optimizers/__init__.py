"""The optimizers of weights and ``alpha``."""
