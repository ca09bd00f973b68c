"""Fits a search in a pretrained network to some minutes on this machine."""

import hashlib
import json
from logging import WARNING
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.models import COSTS
from mmdsnas.models.cost import given_limits, limits_of, split_limits
from mmdsnas.registry import HOOKS
from mmdsnas.subnets.metadata import meta_of, recorded_image_size
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.random_state import random_states_kept
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.utils.words import listed
from .building import build_model
from .epochs import limit_name
from .given_options import Given
from .own_images import TrainingPlan, apply_plan
from .search_times import Times, scored_images
from .timing import seconds_of_loading, seconds_of_step

OPTION = 'own_images.minutes'
# Images may be smaller than they are, so that there is time for as many epochs.
SIZES, FEWEST_EPOCHS, MOST_EPOCHS = (128, 96, 64), 6, 100
# Of the time at least, where images can be smaller, the children's epochs.
ALONE = 0.7


def fit_to_time(config: Config, given: Given) -> Config:
    """Sets the size of the images and the epochs to what ``own_images.minutes`` allow.

    What ``own_images.input_size`` and ``epochs`` say stays. A run that is resumed has
    the size and the epochs that its checkpoint tells.

    Raises:
        ConfigError: The search is not in a pretrained network, or the epochs are given,
            too.
    """
    own = config.get('own_images') or {}
    if own.get('minutes') is None:
        own.pop('planned', None)
        own.pop('children', None)
        return config
    if 'pretrain_epochs' not in config.model or not own.get('pretrained'):
        raise ConfigError(
            'own_images.minutes must be None for other configs than that of a '
            'search in a pretrained network (own_images.pretrained), whose epochs are '
            f'own_images.epochs, but is {own.minutes:g}.'
        )
    name, number = 'train_cfg.max_epochs', given.value('train_cfg.max_epochs')
    if 'epochs' in own.given:
        name, number = 'own_images.epochs', own.epochs
    if number is not None and given.value(OPTION) is not None:
        raise ConfigError(
            f'{name} must be None where own_images.minutes, which tells the epochs, '
            f'is {own.minutes:g}, but is {number}.'
        )
    if number is not None:
        # The minutes are those that the config has by itself.
        own.minutes = own.planned = own.children = None
        return config
    if (plan := _begun(config, given)) is not None:
        begin = f'The run that is resumed keeps its epochs, whatever {OPTION} says'
    else:
        plan = on_rank_0(lambda: _plan(config, given), 'plan the epochs')
        begin = f'For {own.minutes:g} minutes on this machine'
    if plan.get('expected', 0) > own.minutes:
        told = (
            f'{OPTION} is {own.minutes:g}, but one epoch of each stage takes about '
            f'{plan["expected"]:.2g} minutes with images of {plan["input_size"]} '
            'pixels: the run will take that.'
        )
        print_log(told, 'current', level=WARNING)
    own.planned = {**plan, 'of': _planned_by(config)} if 'expected' in plan else None
    own.children = plan.get('children')
    told = f'{plan["epochs"]} epochs'
    if own.children:
        children = listed(f'{epochs} ({limit})' for limit, epochs in own.children)
        told = f'{children} epochs for the children'
    print_log(
        f'{begin}: {told}, {plan["tuned"]} of them for the whole network; images of '
        f'{plan["input_size"]} pixels.',
        'current',
    )
    return _apply(config, plan, given)


def _begun(config: Config, given: Given) -> dict[str, Any] | None:
    """The plan of a run that is resumed, planned or not, if its checkpoint tells."""
    if not config.get('resume'):
        return None
    checkpoint, own = given.checkpoints.load(config.load_from), config.own_images
    size, plan = recorded_image_size(checkpoint), meta_of(checkpoint).get('plan')
    if not size or not plan or not 0 < plan['pretrain_epochs'] < plan['max_epochs']:
        return None
    size = own.input_size if 'input_size' in own.given else size
    tuned, epochs = plan['pretrain_epochs'], plan['max_epochs']
    begun = dict(input_size=size, tuned=tuned, epochs=epochs)
    return {**begun, 'children': plan.get('children')}


def _plan(config: Config, given: Given) -> dict[str, Any]:
    own, minutes = config.own_images, config.own_images.minutes
    if (own.get('planned') or {}).get('of') == _planned_by(config):
        # The config is one that a run left.
        return own.planned.to_dict()
    smaller = SIZES if 'input_size' not in own.given else ()
    sizes = [own.input_size, *(size for size in smaller if size < own.input_size)]
    number = own.num_images / get_world_size()
    for size in sizes:
        tried = dict(input_size=size, tuned=1, epochs=2)
        times = _measure(_apply(Config(config.to_dict()), tried, given), number)
        tuned, epochs = times.epochs(60 * minutes, number)
        epochs = [min(of, MOST_EPOCHS) for of in epochs]
        alone = number * sum((n - tuned) * o for n, o in zip(epochs, times.children))
        enough = FEWEST_EPOCHS * number * (times.whole + sum(times.children)) / 2
        is_long = min(epochs) == MOST_EPOCHS or alone > ALONE * 60 * minutes
        if 60 * minutes > enough and (is_long or not times.scored):
            break
    _, limits = split_limits(config.model.get('cost') or {})
    names = [None if limit is None else limit_name(limit) for limit in limits]
    return dict(
        input_size=size,
        tuned=tuned,
        # The search's own child is that of the loosest limit.
        epochs=epochs[times.parts.index(max(times.parts))],
        children=[list(of) for of in zip(names, epochs)] if len(names) > 1 else None,
        expected=times.seconds(tuned, epochs, number) / 60,
    )


def _planned_by(config: Config) -> str:
    """A mark of what a plan depends on, of a config that it is not applied to yet."""
    own, model = config.own_images, config.model
    parts = [
        *map(own.get, ('minutes', 'num_images', 'given', 'input_size', 'batch_size')),
        *map(model.get, ('architecture', 'cost', 'distillation', 'input_sizes')),
        *map(config.get, ('custom_hooks', 'train_dataloader')),
        get_world_size(),
        get_device(),
    ]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _apply(config: Config, plan: dict[str, Any], given: Given) -> Config:
    batch_size = config.own_images.batch_size
    fitted = TrainingPlan(plan['input_size'], plan['epochs'], batch_size)
    apply_plan(config, fitted, given, plan['tuned'])
    return config


def _measure(config: Config, num_images: float) -> Times:
    """Times steps of the whole network, and the loading of images."""
    loader = config.train_dataloader
    _, limits = split_limits(config.model.get('cost') or {})
    _measure_nothing(config)
    with random_states_kept(0):
        algorithm = build_model(config).to(get_device())
        path, edge = algorithm.first_path(), algorithm.edge
        step = seconds_of_step(algorithm, path, edge, loader.batch_size)
        load = seconds_of_loading(config)
    whole = algorithm.whole_cost['flops']
    most = algorithm.cost_range[1]
    parts = [_part(limit, most, whole) for limit in limits]
    # Within its limit the network itself is the child.
    chosen = [
        part < 1 or isinstance(limit, dict) and set(limit) != {'flops'}
        for part, limit in zip(parts, limits)
    ]
    hooks = [
        HOOKS.build(hook)
        for hook in config.get('custom_hooks') or ()
        if type_name(hook) == 'ChooseChildHook'
    ]
    images = sum(hook.num_batches * loader.batch_size for hook in hooks)
    scored = 0.0
    if any(chosen):
        scored = scored_images(algorithm, min(images, num_images))
        if hooks and config.model.get('distillation'):
            # In each process those of all images, for each child.
            scored += config.own_images.num_images * sum(chosen)
    return Times(
        step=step,
        load=load,
        workers=loader.get('num_workers', 0),
        parts=parts,
        scored=scored,
        trials=[sum(hook.trial_part for hook in hooks) * own for own in chosen],
    )


def _part(limit: Any, most: float, whole: float) -> float:
    """What a limit on FLOPs is of the whole network's MFLOPs, at most 1."""
    own = limits_of(given_limits(limit).get('flops'), lambda _: most)
    return min(own.get('flops', whole) / whole, 1.0)


def _measure_nothing(config: Config) -> None:
    """Leaves out what measures costs for minutes, and all limits but that of FLOPs."""
    estimator = config.model.get('resource_estimator') or {}
    for name in [n for n, cost in COSTS.items() if cost.meter]:
        estimator.pop(name, None)
    cost = config.model.get('cost') or {}
    if cost:
        options, limits = split_limits(cost)
        flops = dict.fromkeys(given_limits(own).get('flops') for own in limits)
        # The largest of them says at which sizes a child may have its images.
        options['limits'] = None if None in flops else [*flops]
        config.model.cost = options
