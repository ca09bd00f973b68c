from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from mmengine.config import Config
from mmengine.evaluator import DumpResults

from mmdsnas.models import DSNAS
from mmdsnas.models.weights import load_weights
from mmdsnas.subnets import (
    check_classes,
    child_of_search,
    is_of_search,
    recorded_input_size,
    warn_of_unfinished,
)
from mmdsnas.subnets.checkpoint_files import Checkpoints
from mmdsnas.utils.files import check_writable
from .built_parts import building
from .dry_build import build_runner
from .given_options import Given
from .run_config import TEST, prepared


def test(
    config: Union[str, Path, Config],
    checkpoint: Union[str, Path],
    work_dir: Union[str, Path, None] = None,
    *,
    options: Optional[Mapping[str, Any]] = None,
    predictions: Union[str, Path, None] = None,
    show_dir: Union[str, Path, None] = None,
    launcher: str = 'none',
    local_rank: int = 0,
    trust_checkpoint: bool = False,
) -> Dict[str, float]:
    """Tests the child of a search, or a child alone: ``mmdsnas test``.

    Args:
        config (str | Path | Config): See :func:`train`.
        checkpoint (str | Path): Of the search, or of the child, which it names.
        work_dir (str | Path, optional): See :func:`train`.
        options (Mapping, optional): See :func:`train`.
        predictions (str | Path, optional): A ``.pkl`` file for the predictions.
        show_dir (str | Path, optional): Folder for pictures of the predictions.
        launcher (str): See :func:`train`.
        local_rank (int): See :func:`train`.
        trust_checkpoint (bool): Whether code in the checkpoint may run.

    Returns:
        dict[str, float]: The metrics, such as ``accuracy/top1`` in percent.

    Raises:
        UserError: Whatever a user can mend, see :mod:`mmdsnas.errors`.
    """
    checkpoints = Checkpoints(trust_checkpoint)
    loaded = checkpoints.load(checkpoint)
    given = Given(
        options=options,
        input_size=recorded_input_size(loaded),
        work_dir=work_dir,
        launcher=launcher,
        local_rank=local_rank,
        tested=loaded,
        show_dir=show_dir,
    )
    config = prepared(config, TEST, given)
    check_writable(config.work_dir, 'work_dir')
    with checkpoints.for_mmengine():
        runner = build_runner(config)
        with building(config):
            data = runner.test_loop.dataloader.dataset
        model = getattr(runner.model, 'module', runner.model)
        if is_of_search(loaded) and not isinstance(model, DSNAS):
            weights = child_of_search(loaded['state_dict'], model.state_dict())
            loaded['state_dict'] = weights
        # Data sets that are not mmengine's have none.
        classes = getattr(data, 'metainfo', {}).get('classes')
        check_classes(loaded, classes, checkpoint)
        load_weights(model, loaded, checkpoint)
        warn_of_unfinished(loaded, checkpoint)
        if predictions is not None:
            dump = DumpResults(out_file_path=str(predictions))
            runner.test_evaluator.metrics.append(dump)
        return runner.test()
