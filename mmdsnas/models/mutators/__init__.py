from .differentiable_mutator import DifferentiableMutator
from .most_probable import most_probable_path
from .path_sample import PathSample, Stream
