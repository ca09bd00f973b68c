import os
from collections import Counter
from datetime import timedelta
from typing import Any, Iterable, Mapping

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdsnas.datasets.folder_contents import BROKEN, IN_NO_CLASS, NO_IMAGE
from mmdsnas.models import DSNAS, Stage
from mmdsnas.models.cost import COSTS
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import what_is_missing
from mmdsnas.utils.options import checked_options
from ..stage.choose_child_hook import ChooseChildHook
from ..utils import algorithm_of, plan_of
from .step_times import measure, seconds_of

# Sets the plan apart from the lines around it.
RULE = '-' * 72
# Files that are named, for each reason; the config in the work directory has all.
NAMED = 10
KINDS = {'1': 'grey', '3': 'colour'}
REASONS = {
    BROKEN: 'cannot be decoded',
    NO_IMAGE: 'no image by its ending',
    IN_NO_CLASS: 'in no class folder',
}


@HOOKS.register_module()
class SearchPlanHook(Hook):
    """Says before the first epoch what a search chooses from, and in how many epochs.

    Where the config was fitted to a folder of images, it says what was found there.

    Args:
        time_steps (bool): Whether to say about how long the run takes, by a few steps
            of every stage on a copy of the search.
    """

    @checked_options
    def __init__(self, time_steps: bool = True) -> None:
        self.time_steps = time_steps

    @master_only
    def before_train(self, runner) -> None:
        """Logs the plan, and warns of what the search will lack."""
        algorithm, train = algorithm_of(runner), runner.train_dataloader
        channels = algorithm.resource_estimator.input_shape[1]
        found = (runner.cfg.get('own_images') or {}).get('found')
        epochs = range(runner.epoch, runner.max_epochs)
        lines = found_lines(found, channels) if found else []
        lines += plan_lines(algorithm, epochs)
        # The loader itself has none where its batch sampler is given.
        size = getattr(train.batch_sampler, 'batch_size', 'unknown size')
        lines.append(
            f'  images of {image_size(algorithm)}, batches of {size}, '
            f'{len(train)} steps an epoch'
        )
        lines += self._time_lines(runner, epochs)
        runner.logger.info('\n'.join(['The plan:', RULE, *lines, RULE]))
        end = max(runner.epoch, runner.max_epochs)
        missing = what_is_missing(dict(epoch=end, plan=plan_of(runner)))
        if missing is not None:
            runner.logger.warning(f'This run will not finish its search: {missing}.')
        fixed = algorithm.mutator.fixed
        if fixed and runner.epoch == 0:
            runner.logger.warning(
                f'{len(fixed)} of {len(algorithm.mutator.search_groups)} choices are '
                'fixed before the first epoch, so that this run does not search them.'
            )

    def _time_lines(self, runner: Runner, epochs: range) -> list[str]:
        """About how long the run takes, if that is known or to be timed."""
        planned = (runner.cfg.get('own_images') or {}).get('planned')
        if planned and runner.epoch == 0:
            # By steps that were timed for it.
            return [f'  about {timedelta(minutes=round(planned["expected"], 1))}']
        if not self.time_steps or not epochs:
            return []
        algorithm = algorithm_of(runner)
        chooses = any(isinstance(hook, ChooseChildHook) for hook in runner.hooks)
        to_come = runner.epoch <= algorithm.pretrain_epochs
        # The steps of the stages do not tell its time.
        besides = chooses and to_come and algorithm.cost_term.limits
        told = timedelta(
            seconds=round(seconds_of(runner, epochs, measure(runner, epochs)))
        )
        told = f'{told} and the choice of the child' if besides else told
        return [f'  about {told}, by a few steps timed here']


def found_lines(found: Mapping[str, Any], channels: int) -> list[str]:
    """Says what a folder of images holds, by ``own_images.found`` of a config.

    The network gets so many channels of each image.
    """
    images = {split: dict(by_class) for split, by_class in found['images'].items()}
    folders = found['folders']
    counts = [
        f'{printable(name)} {sum(by_class[name] for by_class in images.values())}'
        for name in images['train']
    ]
    number = {split: sum(by_class.values()) for split, by_class in images.items()}
    where = 'held out of each class, since there is no folder val'
    if 'val' in folders:
        where = f'in the folder {folders["val"]}'
    parts = f'{number["train"]} to train on; {number["val"]} to validate on, {where}'
    if 'test' in images:
        parts += f'; {number["test"]} to test on, in the folder {folders["test"]}'
    kinds = ', '.join(f'{n} {KINDS[kind]}' for kind, n in found['channels'].items())
    height, width = found['size']
    folder = printable(found['folder'])
    lines = [
        f'{sum(number.values())} images of {len(counts)} classes in {folder}',
        f'  {", ".join(counts)}',
        f'  {parts}',
        f'  {kinds}; median size {height} x {width}',
    ]
    if set(found['channels']) != {str(channels)}:
        lines[-1] += f'; the network gets {channels} channel(s) of each'
    for reason, files in found['left_out'].items():
        what = f'  left out, {REASONS[reason]}:'
        lines += [f'{what} {printable(name)}' for name in files[:NAMED]]
        if len(files) > NAMED:
            lines.append(f'{what} {len(files) - NAMED} more')
    return lines


def printable(name: str) -> str:
    """A name of a file as a line of a log can have it, whatever bytes it has."""
    text = os.fsencode(name).decode('utf-8', 'backslashreplace')
    return ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def image_size(algorithm: DSNAS) -> str:
    """Height and width of the images as they come, in pixels."""
    height, width = algorithm.resource_estimator.input_shape[-2:]
    if algorithm.input_sizes:
        # The estimator's is the child's, which may be smaller for want of a path.
        height = width = algorithm.edge
    return f'{height} x {width}'


def plan_lines(algorithm: DSNAS, epochs: Iterable[int]) -> list[str]:
    """Says what a search chooses from, within which limit, in how many epochs."""
    cheapest, costliest = algorithm.cost_range
    limits = algorithm.cost_term.limits.items()
    limit = ' and '.join(f'{n:g} {COSTS[name].unit}' for name, n in limits)
    blocks = algorithm.cost_table.blocks
    sizes = [len(candidates) for candidates in blocks.values()]
    choices = sorted({min(sizes), max(sizes)})
    stages = Counter(map(algorithm.stage_of, epochs))
    others = [f'  then a child within {limit}' for limit in algorithm.limits[1:]]
    return [
        f'A search of {len(blocks)} blocks with {" to ".join(map(str, choices))} '
        f'candidates each, of networks of {cheapest:.3g} to {costliest:.3g} MFLOPs, '
        + (f'with a limit of {limit}' if limit else 'without a limit'),
        f'  {stages.total()} epochs: '
        + ', '.join(f'{stages[s]} {s.value}' for s in Stage if stages[s]),
        *others,
    ]
