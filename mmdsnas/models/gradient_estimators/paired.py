from mmdsnas.registry import TASK_UTILS
from ..mutators.path_sample import PathSample
from .base import Losses, ScoreEstimator, Task, total_loss


@TASK_UTILS.register_module()
class PairedGradient(ScoreEstimator):
    """Two paths on the same batch, each the baseline of the other.

    A second path is drawn from the same distribution and executed forward only.
    ``alpha`` gets ``(L_1 - L_2) * (grad log p(path_1) - grad log p(path_2)) / 2``:
    the score function with a leave-one-out baseline (Kool et al. 2019), which has the
    noise of the batch in common with the loss. Exact on average. A step costs one
    more forward pass.
    """

    def forward(self, sample: PathSample, task: Task) -> Losses:
        # Before the task: it waits for what the device has to do.
        other = sample.other()
        scores = (sample.log_prob(sample.chosen) - sample.log_prob(other)) / 2
        losses = task()
        first = second = total_loss(losses).detach()
        if other != sample.chosen:
            with sample.executing(other), task.forward_only():
                second = total_loss(task())
        return self.add_score(losses, sample, scores, first - second)
