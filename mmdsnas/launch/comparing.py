"""Networks made by hand, trained for as long as a search took."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.hooks import Hook

from mmdsnas.engine.choice_record import SCORES
from mmdsnas.engine.contenders import obvious_paths
from mmdsnas.engine.hooks.checkpoint.keep_supernet_hook import remove_children
from mmdsnas.engine.hooks.logging.step_times import side_by_side
from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.subnets import is_finished, subnet_of_path
from mmdsnas.subnets.checkpoint import (
    LAST_CHECKPOINT,
    SUBNET_PTH,
    SUPERNET,
    load_checkpoint,
)
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.files import write_atomically
from mmdsnas.utils.random_state import random_states_kept
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.visualization import read_run
from mmdsnas.visualization.csv_files import CHOICE, COMPARED, read_choice
from mmdsnas.visualization.predictions import ComparedNetwork
from .building import build_model
from .given_options import Given
from .installing import put_back
from .judging import conclude
from .own_instances import own_instances
from .plain_config import plain_config
from .run_options import schedules_of_weights
from .search_times import BESIDES
from .timing import seconds_of_loading, seconds_of_step
from .training_plan import TrainingPlan

# In the work directory of the search: runs, what was planned for them, and, among the
# runs, what the search left of its choice.
FOLDER, FILE, SEARCH = 'compared', 'plan.json', 'search'
# The candidate that leaves a block out; the fewest epochs that own_images takes.
SKIP, FEWEST_EPOCHS = 'skip', 3
CHOOSES = 'ChooseChildHook'


class Planned(NamedTuple):
    """How a network made by hand is trained, and its candidate by block."""

    input_size: int
    epochs: int
    subnet: dict[str, str]


class SearchedChildHook(Hook):
    """Has a search that goes on find its own choice, whatever took its place.

    Of one that begins, no choice, no comparison and no other child is known yet.
    ``mmdsnas.train`` adds it to searches, and to runs of own images.
    """

    # After those that refuse a run, before ResumeValidationHook writes the child.
    priority = 'VERY_LOW'

    def before_train(self, runner) -> None:
        """Does so."""
        folder = Path(runner.work_dir)
        kept = folder / FOLDER / SEARCH

        def begin() -> None:
            if runner.epoch:
                put_back(folder, kept)
                return
            names = (CHOICE, COMPARED, SCORES, SUPERNET)
            of_others = [folder / name for name in (*names, f'{FOLDER}/{FILE}')]
            for file in (*of_others, kept / SUBNET_PTH):
                file.unlink(missing_ok=True)
            remove_children(folder)

        on_rank_0(begin, 'put the child of the search back')


def check_compare(config: Config, _: Given) -> Config:
    """Refuses ``own_images.compare`` where there is nothing to compare by."""
    own = config.get('own_images') or {}
    if not own.get('compare'):
        return config
    hooks = [type_name(hook) for hook in config.get('custom_hooks') or ()]
    backends = (config.get('visualizer') or {}).get('vis_backends') or ()
    needs = {
        'a search in a pretrained network (own_images.pretrained)': (
            own.get('pretrained') and CHOOSES in hooks
        ),
        'a limit (model.cost.limit), which is that of all': (
            (config.model.get('cost') or {}).get('limit') is not None
        ),
        'a validation': config.get('val_cfg') is not None,
        **{
            f'default_hooks.{name}, which tells how long the search took': (
                (config.get('default_hooks') or {}).get(name) is not None
            )
            for name in ('report', 'logger')
        },
        'a LocalVisBackend of the visualizer, which keeps the times': (
            'LocalVisBackend' in map(type_name, backends)
        ),
    }
    for need, there in needs.items():
        if not there:
            raise ConfigError(
                f'own_images.compare must be False without {need}, but is True.'
            )
    return config


def compare(
    config: Config, load_from: str | None, train: Callable[..., Any]
) -> list[ComparedNetwork]:
    """Trains the obvious networks beside a child, which the winner becomes.

    They are the whole network at a smaller size of images; the one without all blocks
    that can be left out; and the nearest of the others, by ``choice.csv``. Each is a
    run of its own in the work directory, of as many epochs as fit into the time that
    the search took; the search's choice itself, if it is among them, is not trained
    again. That of a search that was resumed goes on, too. By the validation
    :func:`~mmdsnas.launch.judging.child_of` says which is the child: it is installed in
    the work directory, whose report is made again.

    Args:
        config (Config): Of the search that is done.
        load_from (str, optional): The checkpoint that it began with.
        train (Callable): :func:`~mmdsnas.launch.runs.train`.

    Returns:
        list[ComparedNetwork]: The child, the whole network as it was tuned, and these.
    """
    folder, resumes = Path(config.work_dir), bool(config.get('resume'))
    plan = on_rank_0(lambda: _plan(config, folder), 'plan the comparison')
    own = on_rank_0(lambda: _own_name(folder, plan), 'look at the child')
    for name, planned in plan.items():
        place = folder / FOLDER / name
        goes_on = resumes and (place / LAST_CHECKPOINT).is_file()
        is_done = partial(is_finished, place / SUBNET_PTH, folder / SUBNET_PTH)
        if name == own or goes_on and on_rank_0(is_done, 'look for a run'):
            continue
        made = _config_of(config, name, planned.input_size, planned.epochs, load_from)
        # The stages of the search are set by its epochs.
        alone = {'model.pretrain_epochs': 0, 'model.finetune_epochs': 0}
        with own_instances():
            train(made, place, options=alone, resume=goes_on)
    kept, trained = folder / FOLDER / SEARCH, [name for name in plan if name != own]
    places = {name: folder / FOLDER / name for name in trained}
    concluded = partial(conclude, folder, kept, places, own)
    return on_rank_0(concluded, 'compare the networks')


def hand_made(
    algorithm: DSNAS, distances: Mapping[str, float]
) -> dict[str, tuple[int, dict[str, str]]]:
    """Size of the images, the largest within the limits, and path of each network.

    Args:
        algorithm (DSNAS): The search.
        distances (Mapping[str, float]): Of untrained outputs, by the network's name.
    """
    mutator = algorithm.mutator
    choices = {name: mutator.choices(name) for name in mutator.search_groups}
    known, first = obvious_paths(choices), algorithm.first_path()
    names = [name for name, path in known.items() if path == first]
    names += [f'{SKIP}+{name}' for name in names]
    others = {n: d for n, d in distances.items() if n in known and n not in names}
    names += sorted(others, key=others.get)[:1]
    found: dict[str, tuple[int, dict[str, str]]] = {}
    for size in algorithm.input_sizes or [algorithm.edge]:
        algorithm.set_input_size(size)
        for name in names:
            # Of what is measured as a whole, too, as HandMadeChildHook does it.
            if name in known and name not in found:
                if algorithm.is_within(known[name]):
                    found[name] = size, known[name]
    return {name: found[name] for name in names if name in found}


def _plan(config: Config, folder: Path) -> dict[str, Planned]:
    """What is trained, by the names of the networks; the search's choice among them."""
    file = folder / FOLDER / FILE
    if file.is_file():
        return {n: Planned(*of) for n, of in json.loads(file.read_text()).items()}
    distances = {row.network: row.distance for row in read_choice(folder)}
    seconds = read_run(folder).seconds * (1 - BESIDES)
    number = config.own_images.num_images / get_world_size()
    loader, plan = config.train_dataloader, {}
    with random_states_kept(0):
        algorithm = build_model(config).to(get_device())
        load, workers = seconds_of_loading(config), loader.get('num_workers', 0)
        for name, (size, path) in hand_made(algorithm, distances).items():
            step = seconds_of_step(algorithm, path, size, loader.batch_size)
            epochs = seconds / (number * side_by_side(step, load, workers))
            subnet = subnet_of_path(algorithm, path)
            plan[name] = Planned(size, max(int(epochs), FEWEST_EPOCHS), subnet)
    for name in (*plan, SEARCH):
        # Of another run, which would be resumed.
        shutil.rmtree(folder / FOLDER / name, ignore_errors=True)
    with write_atomically(file) as temporary:
        temporary.write_text(json.dumps(plan))
    return plan


def _own_name(folder: Path, plan: Mapping[str, Planned]) -> str | None:
    """The name of a run's child, if it is one of the networks made by hand."""
    meta = meta_of(load_checkpoint(folder / SUBNET_PTH))
    own = meta['input_shape'][-1], meta['subnet']
    names = (n for n, of in plan.items() if own == (of.input_size, of.subnet))
    return next(names, None)


def _config_of(
    config: Config, name: str, size: int, epochs: int, load_from: str | None
) -> Config:
    """The config of a network that is trained alone, with the search's settings."""
    made = plain_config(config)
    made.update(load_from=load_from, resume=False)
    made.own_images.update(
        minutes=None,
        compare=False,
        epochs=epochs,
        tuned=None,
        planned=None,
        given=list(TrainingPlan._fields),
    )
    made.model.distillation = None
    hooks = [hook for hook in made.custom_hooks if type_name(hook) != CHOOSES]
    hand = dict(type='HandMadeChildHook', network=name, input_size=size)
    made.custom_hooks = [*hooks, hand]
    for scheduler in schedules_of_weights(made):
        if type_name(scheduler) == 'CosineRestartLR':
            scheduler.update(periods=[epochs], restart_weights=[1])
    return made
