import os
from typing import Any, Dict, List, Mapping

from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook

from mmdsnas.datasets.folder_contents import BROKEN, IN_NO_CLASS, NO_IMAGE
from mmdsnas.models import DSNAS, Stage
from mmdsnas.models.cost import COSTS
from mmdsnas.registry import HOOKS
from ..utils import algorithm_of, epochs_by_stage
from .step_times import measure, seconds_of

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
    """Says before a search what was found, what will run and about how long.

    What was found stands in ``own_images`` of the config; without it, only the rest
    is said. A few steps of every stage are timed, on a copy of the search.
    """

    # After what else looks at the model before the training.
    priority = 'VERY_LOW'

    @master_only
    def before_train(self, runner) -> None:
        """Logs the plan."""
        own = runner.cfg.get('own_images') or {}
        algorithm = algorithm_of(runner)
        shape = algorithm.resource_estimator.input_shape
        lines = found_lines(own['found'], shape[1]) if own.get('found') else []
        rest = epochs_by_stage(algorithm, range(runner.epoch, runner.max_epochs))
        epochs = {stage: len(of) for stage, of in rest.items()}
        lines += plan_lines(algorithm, epochs)
        train = runner.train_dataloader
        # The loader itself has none where its batch sampler is given.
        batch_size = train.batch_sampler.batch_size
        lines.append(
            f'  images of {shape[-2]} x {shape[-1]}, batches of {batch_size}, '
            f'{len(train)} steps an epoch'
        )
        if any(epochs.values()):
            seconds = seconds_of(
                measure(
                    algorithm,
                    runner.optim_wrapper,
                    train,
                    {stage: of[0] for stage, of in rest.items() if of},
                ),
                epochs,
                len(train),
                batch_size,
                _validated(runner),
                train.num_workers,
                1 / runner.train_loop.val_interval if runner.val_loop else 0.0,
            )
            lines.append(f'  about {in_words(seconds)}, by a few steps timed here')
        runner.logger.info('\n'.join(['The plan:', *lines]))


def _validated(runner) -> float:
    """Images that one process validates, per epoch of the run."""
    if runner.val_loop is None:
        return 0.0
    images = len(runner.val_dataloader.dataset) / get_world_size()
    return images / runner.train_loop.val_interval


def found_lines(found: Mapping[str, Any], channels: int) -> List[str]:
    """Says what a folder of images holds.

    Args:
        found (Mapping): ``own_images.found`` of a config that was fitted.
        channels (int): What the network gets of each image.
    """
    images = {split: dict(by_class) for split, by_class in found['images'].items()}
    folders = found['folders']
    counts = [
        f'{printable(name)} {sum(by_class[name] for by_class in images.values())}'
        for name in images['train']
    ]
    number = {split: sum(by_class.values()) for split, by_class in images.items()}
    held_out = 'held out of each class, since there is no folder val'
    parts = [
        f'{number["train"]} to train on',
        f'{number["val"]} to validate on, '
        + (f'in the folder {folders["val"]}' if 'val' in folders else held_out),
    ]
    if 'test' in images:
        parts.append(f'{number["test"]} to test on, in the folder {folders["test"]}')
    kinds = ', '.join(
        f'{number} {KINDS[kind]}' for kind, number in found['channels'].items()
    )
    height, width = found['size']
    lines = [
        f'{sum(number.values())} images of {len(counts)} classes in '
        f'{printable(found["folder"])}',
        f'  {", ".join(counts)}',
        f'  {"; ".join(parts)}',
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


def plan_lines(algorithm: DSNAS, epochs: Dict[Stage, int]) -> List[str]:
    """Says what a search chooses from, within which limit, in how many epochs.

    Args:
        algorithm (DSNAS): The search.
        epochs (dict[Stage, int]): Epochs by stage that are still to run.
    """
    cheapest, costliest = algorithm.cost_table.cost_range()
    limits = algorithm.cost_term.limits.items()
    limits = [f'{n:g} {COSTS[name].unit}' for name, n in limits]
    blocks = algorithm.cost_table.blocks
    choices = sorted({len(candidates) for candidates in blocks.values()})
    return [
        f'A search of {len(blocks)} blocks with {" to ".join(map(str, choices))} '
        f'candidates each, of networks of {cheapest:.3g} to {costliest:.3g} MFLOPs, '
        + (f'with a limit of {" and ".join(limits)}' if limits else 'without a limit'),
        f'  {sum(epochs.values())} epochs: '
        + ', '.join(f'{number} {stage.value}' for stage, number in epochs.items()),
    ]


def in_words(seconds: float) -> str:
    """A duration as one says it, with two digits at most that mean something."""
    if seconds < 100:
        return f'{max(1, round(seconds))} s'
    if seconds < 100 * 60:
        return f'{round(seconds / 60)} min'
    return f'{seconds / 3600:.1f} h'
