import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from mmengine.config import Config
from mmengine.model import BaseModel

from mmdsnas.errors import ConfigError
from mmdsnas.models import COSTS
from mmdsnas.subnets import child_config, what_is_missing
from mmdsnas.subnets.checkpoint import SUBNET_PTH, load_checkpoint
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.visualization.csv_files import read_front
from mmdsnas.visualization.predictions import FrontRow
from mmdsnas.visualization.report import FILE
from mmdsnas.visualization.tables import child_table
from .children import complete_child
from .own_instances import own_instances
from .run_config import load_config
from .run_options import is_search
from .runs import train


@dataclass(frozen=True)
class SearchResult:
    """What a search ends in; printing it shows the child block by block.

    Attributes:
        child (BaseModel): The child network with its weights, see :func:`load_child`.
        subnet (dict[str, str]): Candidate by block.
        cost (dict[str, float]): ``mflops`` (multiply-adds / 1e6), ``mparams``
            (parameters / 1e6) and, where they were measured, ``latency_ms``,
            ``memory_kib`` and ``size_kib``.
        accuracy (float, optional): Top-1 accuracy of the last validation in percent;
            None without one, or where the evaluator gives other metrics.
        work_dir (Path): Folder with all that the run left.
        meta (dict): All that ``subnet.pth`` says of the child, such as the
            probability and the cost of each block.
    """

    child: BaseModel = field(repr=False)
    subnet: dict[str, str]
    cost: dict[str, float]
    accuracy: float | None
    work_dir: Path
    meta: Mapping[str, Any] = field(repr=False)

    @property
    def checkpoint(self) -> Path:
        """The child's file, for :func:`load_child`, :func:`export` and the tools."""
        return self.work_dir / SUBNET_PTH

    @property
    def report(self) -> Path:
        """The page that shows what the run did."""
        return self.work_dir / FILE

    @property
    def front(self) -> list[FrontRow]:
        """The children of ``model.cost.limits``; none of a search with one limit."""
        return read_front(self.work_dir)

    @property
    def missing(self) -> str | None:
        """What the search lacks of being done, in words; None if it is done."""
        return what_is_missing(self.meta)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the last validation, by name."""
        return dict(self.meta.get('metrics') or {})

    @property
    def test_metrics(self) -> dict[str, float]:
        """The metrics of the child on test data of their own, by name."""
        return dict(self.meta.get('test_metrics') or {})

    def __str__(self) -> str:
        files = [os.path.relpath(path) for path in (self.checkpoint, self.report)]
        return child_table(dict(self.meta), files)


def search(
    config: str | Path | Config,
    work_dir: str | Path | None = None,
    *,
    resume: bool | str | Path = False,
    amp: bool = False,
    trust_checkpoint: bool = False,
    **overrides: Any,
) -> SearchResult:
    """Runs a search to its end: ``mmdsnas train`` in one process.

    Any number of searches may follow each other: none writes into the log of another.
    Arguments that are not listed are those of :func:`train`.

    Args:
        **overrides: Options that replace those of the config: parts, which are merged
            (``train_cfg=dict(max_epochs=9)``), or dotted names
            (``**{'model.cost.limit': 3}``).

    Returns:
        SearchResult: The child, its cost and its accuracy.

    Raises:
        ConfigError: The config is not that of a search, or an option is wrong.
        UserError: Whatever else a user can mend, see :mod:`mmdsnas.errors`.

    Example:
        >>> result = search(
        ...     'dsnas_supernet_1xb64_folder',
        ...     work_dir='work_dirs/mine',
        ...     data_root='path/to/images',
        ...     **{'model.cost.limit': 3},
        ... )
        >>> print(result)
    """
    loaded = load_config(config, overrides, resolve=False)
    if not is_search(loaded):
        raise ConfigError(
            'config must be that of a search, with an optimizer of alpha '
            f'(optim_wrapper.mutator), but {loaded.filename or "it"} has none; train '
            'runs it.'
        )
    with own_instances():
        runner = train(
            config,
            work_dir,
            options=overrides,
            resume=resume,
            amp=amp,
            trust_checkpoint=trust_checkpoint,
        )
    work_dir = Path(runner.work_dir)
    path = work_dir / SUBNET_PTH
    checkpoint = load_checkpoint(path)
    meta = meta_of(checkpoint)
    return SearchResult(
        # By the config of the run, whose classes the caller names: the file may have
        # lain there before a finished run was resumed.
        child=complete_child(
            Config(child_config(runner.cfg, meta['input_shape'][-1])), checkpoint, path
        ),
        subnet=dict(meta['subnet']),
        cost={c.key: meta[c.key] for c in COSTS.values() if c.key in meta},
        accuracy=(meta.get('metrics') or {}).get('accuracy/top1'),
        work_dir=work_dir,
        meta=meta,
    )
