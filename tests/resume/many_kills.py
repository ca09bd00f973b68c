"""One search that is killed many times at random moments."""

import random
import time
from pathlib import Path
from typing import Callable

from .kill_hook import PLACES, Kill
from .matrix import Result, failure, not_killed, start
from .processes import Main, Task, newest_epoch
from .search import Setting, Stages

# Of an epoch.
ITERATIONS = 3
# Seconds for a hundred epochs and more on a busy machine.
LIMIT = 3600


def stages_for(kills: int) -> Stages:
    """A search that is long enough for a number of kills."""
    # From one kill to the next are one or two epochs, so that they come in all
    # stages, and before the end.
    return Stages(
        pretrain=kills // 3,
        finetune=kills,
        epochs=5 * kills // 2 + 5,
        images=44,
        fix_threshold=0.2,
    )


def run_unkilled(main: Main, setting: Setting, kills: int, folder: Path) -> Task:
    """The reference: the same search without a kill."""
    began = time.monotonic()
    launch = start(main, setting, stages_for(kills), folder, limit=LIMIT)
    yield launch
    return Result(failure(launch, folder), time.monotonic() - began)


def run_killed(
    main: Main,
    setting: Setting,
    kills: int,
    folder: Path,
    seed: int,
    report: Callable[[str], None],
) -> Task:
    """Kills a search again and again, each time after a new checkpoint.

    Args:
        main (callable): From ``load_tool``.
        setting (Setting): How it runs.
        kills (int): How often it is killed before it may come to its end.
        folder (Path): Working directory.
        seed (int): Seed of the moments.
        report (callable): Gets a line about each kill.

    Returns:
        Result: Its problems are what went wrong, the comparison not included.
    """
    began = time.monotonic()
    moments, stages = random.Random(seed), stages_for(kills)
    for number in range(1, kills + 1):
        before = newest_epoch(folder)
        kill, delay = draw(moments, before)
        resume = ('--resume',) if before else ()
        launch = start(main, setting, stages, folder, *resume, kill=kill, delay=delay)
        yield launch
        after = newest_epoch(folder)
        where = f'{delay:.2f} s after a checkpoint' if kill is None else kill
        report(f'[{number}/{kills}] {where}; epochs done: {before}, then {after}')
        problems = not_killed(launch, folder, inside=kill is not None)
        if not problems and after <= before:
            problems = [f'no new checkpoint came before kill {number}']
        if problems:
            return Result(problems, time.monotonic() - began)
    launch = start(main, setting, stages, folder, '--resume', limit=LIMIT)
    yield launch
    return Result(failure(launch, folder), time.monotonic() - began)


def draw(moments: random.Random, epochs: int) -> tuple[Kill | None, float | None]:
    """The next moment.

    Args:
        moments (random.Random): Where it is drawn from.
        epochs (int): Epochs that are done; one more will be before the kill.

    Returns:
        tuple[Kill | None, float | None]: A place in the run, or seconds after its
        next checkpoint.
    """
    # From outside as often as at one of the places.
    if moments.random() < 0.5:
        return None, moments.uniform(0, 0.6)
    place = moments.choice(PLACES)
    iteration, part = moments.randrange(ITERATIONS), moments.uniform(0.02, 0.98)
    return Kill(place, epochs + 1, iteration, part), None
