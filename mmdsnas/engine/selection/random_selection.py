from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import Count, checked_options
from .base import BaseSelection, Score
from .path_space import PathSpace


@TASK_UTILS.register_module()
class RandomSelection(BaseSelection):
    """An arbitrary path, or the best of some: random search.

    With a supernet whose paths were drawn uniformly it is the random search with
    weight sharing of Li and Talwalkar, UAI 2019 (arXiv 1902.07638), section 3.

    Args:
        num_paths (int): How many paths are drawn; 1: that one is taken and
            nothing is measured.
    """

    @checked_options
    def __init__(self, num_paths: Count = 1) -> None:
        self.num_paths = num_paths

    @property
    def max_scores(self) -> int:
        """See the base class."""
        return self.num_paths if self.num_paths > 1 else 0

    def select(self, space: PathSpace, score: Score) -> Path:
        """See the base class; of equal paths the first one drawn."""
        paths = [space.draw() for _ in range(self.num_paths)]
        return max(paths, key=score) if len(paths) > 1 else paths[0]
