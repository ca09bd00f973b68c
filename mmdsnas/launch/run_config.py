"""The steps that lead from a config and the command line to the Runner."""

from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from mmengine.config import Config

from mmdsnas.utils.paths import find_config
from .building import building
from .comparing import check_compare
from .given_options import Given, merge_options
from .images import fill_num_classes, fill_test_split
from .own_images import fit_to_images
from .plain_config import plain_config, read_config
from .pretrained import check_installed, use_pretrained
from .processes import start_processes
from .run_options import check_options, fill_for_mmengine, fit_mixed_labels
from .run_steps import (
    check_input_shape,
    enable_amp,
    resume,
    scale_lr,
    set_deploy,
    set_work_dir,
    start_from_checkpoint,
    use_device,
    use_tested,
)
from .time_plan import fit_to_time

Step = Callable[[Config, Given], Config]
# What is printed: the config as it is written, whatever data there are.
WRITTEN: Sequence[Step] = (merge_options, use_pretrained)
# What a network is built from.
LOADED: Sequence[Step] = (
    *WRITTEN,
    check_options,
    fill_num_classes,
    fill_test_split,
    fit_mixed_labels,
    fit_to_images,
    fill_for_mmengine,
)
RUN: Sequence[Step] = (*LOADED, set_work_dir, use_device, start_processes)
TRAIN: Sequence[Step] = (
    *RUN,
    check_installed,
    check_compare,
    set_deploy,
    resume,
    start_from_checkpoint,
    fit_to_time,
    check_input_shape,
    enable_amp,
    scale_lr,
)
TEST: Sequence[Step] = (*RUN, use_tested)


def prepared(name: str | Path | Config, steps: Sequence[Step], given: Given) -> Config:
    """A copy of a config after some steps, see :func:`load_config`.

    Raises:
        UserError: An option is wrong, or a step cannot do its work.
    """
    read = name if isinstance(name, Config) else read_config(find_config(name))
    config = plain_config(read)
    for step in steps:
        # A part that has not the form that the step looks for.
        with building(config, (AttributeError, LookupError, TypeError)):
            config = step(config, given)
    return config


def load_config(
    name: str | Path | Config,
    options: Mapping[str, Any] | None = None,
    resolve: bool = True,
    input_size: int | None = None,
    num_classes: int | None = None,
) -> Config:
    """Loads a config and merges options of the command line into it.

    Args:
        name (str | Path | Config): Path of a config, the name of one of mmdsnas, or
            a config, which is copied.
        options (Mapping, optional): ``--cfg-options``.
        resolve (bool): Whether to check it and to fill in what the data tell.
        input_size (int, optional): Pixels of the images of a checkpoint, in place of
            what the data tell.
        num_classes (int, optional): Classes of a checkpoint; with both of these the
            images are not looked at.

    Raises:
        ConfigError: An option is wrong.
    """
    given = Given(options or {}, input_size, num_classes)
    return prepared(name, LOADED if resolve else WRITTEN, given)
