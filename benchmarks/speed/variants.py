"""Steps of this package: of a search, of its children, of its finetune stage."""

from typing import Any, Mapping

from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import nn

from mmdsnas.models import DSNAS
from mmdsnas.registry import MODELS, OPTIM_WRAPPERS
from mmdsnas.subnets import sub_model
from mmdsnas.subnets.child import child_state_dict
from mmdsnas.subnets.subnet import subnet_of_path
from .workload import SEED, Workload, plain_dict

Path = dict[str, str]


@OPTIM_WRAPPERS.register_module(force=True)
class AutocastOptimWrapper(OptimWrapper):
    """mmengine's wrapper in a workload's precision, on the CPU too."""

    workload: Workload

    def optim_context(self, model: nn.Module):
        """The context of the forward pass."""
        return self.workload.autocast()


def build_search(workload: Workload) -> tuple[DSNAS, Any]:
    """A search in its first search epoch.

    Args:
        workload (Workload): What is searched.

    Returns:
        tuple: The algorithm in train mode, and its optimizers.
    """
    config = workload.load()
    model = plain_dict(config, 'model')
    model.setdefault('data_preprocessor', plain_dict(config, 'data_preprocessor'))
    algorithm = MODELS.build(model).to(workload.device).train()
    algorithm.begin(epoch=0)
    return algorithm, build_optim_wrapper(algorithm, config.optim_wrapper)


def classes_of(workload: Workload) -> int:
    """Number of classes of a workload's labels."""
    return workload.load().model.architecture.head.num_classes


class SearchStep:
    """(a) A step of the search stage, on the paths that it draws."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.algorithm, self.optimizers = build_search(workload)
        self.data = workload.batch(classes_of(workload))

    def paths(self) -> list[Path]:
        """What the rounds draw; ``alpha`` stays as it is."""
        mutator = self.algorithm.mutator
        return [
            mutator.draw_path(SEED, index, rank=0)
            for index in range(self.workload.num_paths)
        ]

    def prepare(self, index: int) -> None:
        """Nothing is given: the search draws its path."""

    def run(self, index: int) -> dict[str, Any]:
        """One iteration."""
        self.algorithm.begin(iteration=index % self.workload.num_paths, seed=SEED)
        return self.algorithm.train_step(self.data, self.optimizers)


class PlainStep:
    """(b) A plain training step of the children on the search's paths, built alone.

    Args:
        workload (Workload): What is trained.
        search (DSNAS): Gives the children their first weights.
        paths (list[dict[str, str]]): One child for each.
    """

    def __init__(self, workload: Workload, search: DSNAS, paths: list[Path]) -> None:
        config = workload.load()
        self.data = workload.batch(classes_of(workload))
        self.children: list[BaseModel] = []
        self.optimizers: list[OptimWrapper] = []
        for path in paths:
            child = build_child(config, search, path)
            self.children.append(child.to(workload.device).train())
            self.optimizers.append(plain_optimizer(workload, config, child))

    def prepare(self, index: int) -> None:
        """The children are built."""

    def run(self, index: int) -> dict[str, Any]:
        """One iteration."""
        which = index % len(self.children)
        return self.children[which].train_step(self.data, self.optimizers[which])


class FinetuneStep:
    """(e) A step of the finetune stage: all is fixed, the unselected are frozen.

    Args:
        workload (Workload): What is trained.
        search (DSNAS): Gives the supernet its first weights.
        path (dict[str, str]): The child.
    """

    def __init__(self, workload: Workload, search: DSNAS, path: Path) -> None:
        self.algorithm, self.optimizers = build_search(workload)
        self.algorithm.load_state_dict(search.state_dict())
        self.data = workload.batch(classes_of(workload))
        self.algorithm.mutator.fix(path)
        self.algorithm.begin(epoch=self.algorithm.finetune_epochs)
        self.optimizers.forget_frozen()

    def prepare(self, index: int) -> None:
        """Nothing changes any more."""

    def run(self, index: int) -> dict[str, Any]:
        """One iteration."""
        self.algorithm.begin(iteration=index, seed=SEED)
        return self.algorithm.train_step(self.data, self.optimizers)


def build_child(config, search: DSNAS, path: Mapping[str, str]) -> BaseModel:
    """A child alone, with its weights in the search.

    Args:
        config (Config): Of the search.
        search (DSNAS): The search.
        path (Mapping[str, str]): Candidate by group.
    """
    subnet = subnet_of_path(search, path)
    child = sub_model(
        plain_dict(config, 'model', 'architecture'),
        subnet,
        channels_last=config.model.channels_last,
        data_preprocessor=plain_dict(config, 'data_preprocessor'),
    )
    child.load_state_dict(child_state_dict(search.architecture, subnet))
    return child


def plain_optimizer(workload: Workload, config, model: nn.Module) -> OptimWrapper:
    """The search's optimizer of the weights, for a model without ``alpha``."""
    options = plain_dict(config, 'optim_wrapper', 'architecture')
    options['type'] = 'mmdsnas.AutocastOptimWrapper'
    # One parameter group for each set of options, as in a search.
    options['constructor'] = 'mmdsnas.GroupedOptimWrapperConstructor'
    wrapper = build_optim_wrapper(model, options)
    wrapper.workload = workload
    return wrapper
