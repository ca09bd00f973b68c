"""Looks at the parts of a config: which class each names, and with what options."""

import inspect
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from mmengine import registry as root
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope, Registry
from torch.utils.data import DataLoader

from mmdsnas import registry
from mmdsnas.models import DifferentiableMutator
from mmdsnas.utils.words import nearest, shown, unknown_option
from .signatures import is_of, options_of


class Part(NamedTuple):
    """What can be built from an option.

    Attributes:
        registry (Registry): Where its type is looked up.
        default (str, optional): Its type where the config gives none.
        extra (tuple[str, ...]): Options that whoever builds it takes out.
        typed (bool): Whether it must have a type.
        base (type): What its class must be a subclass of.
    """

    registry: Registry
    default: Optional[str] = None
    extra: Tuple[str, ...] = ()
    typed: bool = True
    base: type = object


# What classes of ours build is looked up by our registries, which look further.
_MODEL, _OURS = Part(root.MODELS), Part(registry.MODELS)
_TRANSFORM, _MUTATOR = Part(root.TRANSFORMS), 'mmdsnas.DifferentiableMutator'
# Parts of parts, by the name of their option.
PARTS = {
    'architecture': Part(registry.MODELS, base=BaseModel),
    'cfg': _OURS,
    'backbone': _MODEL,
    'neck': _MODEL,
    'head': _MODEL,
    'loss': _MODEL,
    'mutator': Part(registry.MODELS, _MUTATOR, base=DifferentiableMutator),
    # A classifier has a type for it.
    'data_preprocessor': Part(root.MODELS, typed=False),
    'norm_cfg': Part(root.MODELS, extra=('requires_grad',)),
    'resource_estimator': Part(registry.TASK_UTILS, 'mmdsnas.ResourceEstimator'),
    'gradient_estimator': Part(registry.TASK_UTILS, 'mmdsnas.DSNASGradient'),
    'strategy': Part(registry.TASK_UTILS),
    'dataset': Part(root.DATASETS),
    'sampler': Part(root.DATA_SAMPLERS),
    'batch_sampler': Part(root.DATA_SAMPLERS),
    'worker_init_fn': Part(root.FUNCTIONS),
    'collate_fn': Part(root.FUNCTIONS),
    'optimizer': Part(root.OPTIMIZERS),
}
# What lies inside these, in lists or under any name, are parts.
HOLDERS = {
    'candidates': _OURS,
    'arch_setting': _MODEL,
    'pipeline': _TRANSFORM,
    'transforms': _TRANSFORM,
    'metrics': Part(root.METRICS),
    'vis_backends': Part(root.VISBACKENDS),
}
LOADER_OPTIONS = (
    *('dataset', 'sampler', 'batch_sampler', 'worker_init_fn', 'collate_fn'),
    'num_batch_per_epoch',
    *list(inspect.signature(DataLoader.__init__).parameters)[2:],
)
# Arguments that are added when these are built.
_GIVEN = {'in_channels', 'out_channels', 'worker_id', 'optim_wrapper_cfg'}
_GIVEN |= {'sampler', 'batch_size'}
# Whose classes mean by the names above what these say.
_PACKAGES = ('mmdsnas', 'mmrazor', 'mmcls', 'mmcv', 'mmengine', 'torch')


class Parts:
    """Walks over parts of a config and collects what is wrong with them.

    Attributes:
        problems (list[str]): Sentences without their dots.
    """

    def __init__(self) -> None:
        self.problems: List[str] = []

    def note(self, where: str, what: str) -> None:
        """Notes what is wrong with an option, if nothing was said of it yet."""
        if not any(text.startswith(f'{where} ') for text in self.problems):
            self.problems.append(f'{where} {what}')

    def is_dict(self, where: str, value: Any) -> bool:
        """Whether something is a dict of options, as it should be."""
        if not isinstance(value, dict):
            self.note(where, f'must be a dict, but is {shown(value)}')
        return isinstance(value, dict)

    def find(
        self, where: str, name: Any, found_in: Registry, quiet: bool = False
    ) -> Optional[Callable]:
        """The class that a config names; one that is not there is noted.

        Args:
            where (str): Name of the option.
            name (Any): Registered name, dotted path, or the class itself.
            found_in (Registry): Where it should be registered.
            quiet (bool): Whether not to note it.
        """
        if callable(name):
            return name
        # mmengine imports what stands before a dot.
        is_name = isinstance(name, str) and all(
            part.isidentifier() for part in name.split('.')
        )
        with found_in.switch_scope_and_registry(None) as scoped:
            cls = scoped.get(name) if is_name else None
            if cls is None and not quiet:
                near = nearest(name, _names(scoped)) if isinstance(name, str) else ''
                self.note(
                    where,
                    f'must be a class in the registry "{scoped.name}", but is '
                    f'{shown(name)}{near}',
                )
        return cls

    def check(
        self,
        where: str,
        value: Any,
        part: Part,
        many: bool = False,
        quiet: bool = False,
    ) -> None:
        """Checks a part and its parts.

        Args:
            where (str): Name of the option, as ``--cfg-options`` has it.
            value (Any): Its value: a config, or what was built from one.
            part (Part): What it should be.
            many (bool): Whether a list of parts is allowed.
            quiet (bool): Whether it may be something else altogether.
        """
        if many and isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                self.check(f'{where}.{i}', item, part)
            return
        if not isinstance(value, dict):
            if value is None or isinstance(value, (str, bytes, int, float, list)):
                self.note(where, f'must be a config, but is {shown(value)}')
            return
        if 'type' not in value and part.default is None:
            if part.typed and not quiet:
                self.note(where, 'must have a type, but has none')
            return
        scope = value.get('_scope_')
        if scope is not None and not (isinstance(scope, str) and scope.isidentifier()):
            what = (
                f'must be the name of a package such as mmdsnas, but is {shown(scope)}'
            )
            self.note(f'{where}._scope_', what)
            return
        # It also holds for what lies inside, which is built meanwhile.
        with DefaultScope.overwrite_default_scope(scope):
            self._check_in_scope(where, value, part, quiet)

    def _check_in_scope(self, where: str, value: Dict, part: Part, quiet: bool) -> None:
        kind = value.get('type', part.default)
        cls = self.find(f'{where}.type', kind, part.registry, quiet)
        if cls is None:
            return
        if not quiet and inspect.isclass(cls) and not issubclass(cls, part.base):
            what = f'must be a subclass of {part.base.__name__}, but is {shown(kind)}'
            self.note(f'{where}.type', what)
            return
        given = {k: v for k, v in value.items() if k not in ('type', '_scope_')}
        self._check_names(where, cls, given, part.extra)
        self._check_inside(where, given, None, not is_of(cls, *_PACKAGES))

    def _check_names(
        self, where: str, cls: Callable, given: Dict, extra: Tuple[str, ...]
    ) -> None:
        known, required = options_of(cls)
        for name in given if known is not None else ():
            if name not in known and name not in extra:
                named = f'{where} ({getattr(cls, "__name__", cls)})'
                self.problems.append(unknown_option(named, name, {*known, *extra}))
        if is_of(cls, 'mmdsnas'):
            for name in sorted(required - _GIVEN - set(given)):
                self.note(f'{where}.{name}', 'must be set')

    def _check_inside(
        self, where: str, given: Any, inner: Optional[Part], quiet: bool
    ) -> None:
        items = given.items() if isinstance(given, dict) else enumerate(given)
        for key, value in items:
            # In a holder they are names that people gave, or numbers.
            inside, is_option = f'{where}.{key}', isinstance(key, str) and not inner
            if is_option and key in HOLDERS:
                self._check_holder(inside, value, HOLDERS[key], quiet)
                continue
            if isinstance(value, (list, tuple)):
                self._check_inside(inside, value, inner, quiet)
                continue
            part = PARTS.get(key) if is_option else None
            if isinstance(value, dict):
                if part or inner:
                    self.check(inside, value, part or inner, quiet=quiet)
                elif not str(key).endswith('_cfg'):
                    self._check_inside(inside, value, None, quiet)
            elif part and value is not None and not quiet:
                self.check(inside, value, part)

    def _check_holder(self, where: str, value: Any, part: Part, quiet: bool) -> None:
        if isinstance(value, dict) and 'type' in value:
            self.check(where, value, part, quiet=quiet)
        elif isinstance(value, (dict, list, tuple)):
            self._check_inside(where, value, part, quiet)


def _names(scoped: Registry) -> Set[str]:
    """Names that a config can use: plain ones, and those of other packages."""
    places = scoped.places() if hasattr(scoped, 'places') else (scoped, scoped.root)
    names = {name for place in places for name in place.module_dict}
    for scope, child in scoped.root.children.items():
        names |= {f'{scope}.{name}' for name in child.module_dict}
    return names
