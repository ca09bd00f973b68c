"""Errors that mmdsnas raises for what a user can mend.

Each message is one sentence that names the option, what was given and what is
allowed. They derive from the built-in errors that fit, so that code which
catches those keeps working; the command-line tools show the sentence alone.
"""


class UserError(Exception):
    """Base of all errors that a user can mend."""


class ConfigError(UserError, ValueError):
    """An option of the config is wrong or does not fit another one."""


class WrongTypeError(ConfigError, TypeError):
    """An argument is an object of another class than is allowed."""


class SubnetError(UserError, ValueError):
    """A subnet file does not describe a child of this supernet."""


class NoChoiceError(SubnetError, AssertionError):
    """A subnet cannot be written, because a block has no choice yet."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint is damaged, or belongs to another model."""


class DataError(UserError, RuntimeError):
    """A data set is missing, empty or damaged."""


class CorruptImageError(DataError):
    """The content of an image file cannot be decoded."""


class OutputError(UserError, RuntimeError):
    """A result cannot be written where it should go."""


class NonFiniteError(UserError, ArithmeticError):
    """Losses or gradients of the training stay infinite or NaN."""


class RankError(UserError, RuntimeError):
    """The processes of a distributed run do not have the same search."""


class ExportError(UserError, RuntimeError):
    """A network cannot be exported, or its file computes something else."""


class MeasurementError(UserError, RuntimeError):
    """A command that measures a network does not do so."""
