import functools
import inspect
from typing import Any, Callable, List, Mapping, Optional

from mmdsnas.errors import ConfigError
from .checkers import nearest, shown
from .declared import OPTIONS


def problems_of(owner: str, options: Mapping[str, Any], where: str) -> List[str]:
    """Compares options with what is declared.

    Args:
        owner (str): A name in ``OPTIONS``.
        options (Mapping): Value by option; what is not declared is left alone.
        where (str): A format for the name of an option, with one ``{}``.

    Returns:
        list[str]: A sentence, without its dot, for each value that is not allowed.
    """
    declared = OPTIONS.get(owner, {})
    return [
        f'{where.format(name + inside)} {what}'
        for name, value in options.items()
        if name in declared
        for inside, what in declared[name].problems(value)
    ]


def check_options(owner: str, options: Mapping[str, Any]) -> None:
    """Checks arguments of a constructor.

    Args:
        owner (str): A name in ``OPTIONS``.
        options (Mapping): Value by option.

    Raises:
        ConfigError: A value is not allowed; the message names all of them.
    """
    found = problems_of(owner, options, f'{{}} of {owner}')
    if found:
        raise ConfigError(f'{"; ".join(found)}.')


def checked_options(function: Callable) -> Callable:
    """Lets a constructor, or a function that a config names, check its arguments.

    What it raises is said at :func:`check_options`.

    Args:
        function (Callable): Its class, or itself, is a name in ``OPTIONS``.

    Returns:
        Callable: Checks what it is given, and calls the function.
    """
    owner = function.__qualname__.split('.')[0]
    signature = inspect.signature(function)
    kinds = {option.kind: name for name, option in signature.parameters.items()}
    rest = kinds.get(inspect.Parameter.VAR_KEYWORD)

    @functools.wraps(function)
    def checked(*args, **kwargs):
        try:
            options = signature.bind(*args, **kwargs).arguments
        except TypeError:
            # Python's own message names the function.
            return function(*args, **kwargs)
        check_options(owner, {**options, **options.get(rest, {})})
        return function(*args, **kwargs)

    return checked


def unknown_option(where: str, name: Any, known: List[str]) -> str:
    """The sentence, without its dot, on an option that a class does not have."""
    return f'{where} has no option {shown(name)}{nearest(name, known)}'


# What options must be together; None: nothing is wrong.


def stages_problem(pretrain_epochs: int, finetune_epochs: int) -> Optional[str]:
    """Says it if the stages of a search are in the wrong order."""
    if pretrain_epochs <= finetune_epochs:
        return None
    return (
        'the pretrain stage comes before the finetune stage, but pretrain_epochs '
        f'is {shown(pretrain_epochs)} and finetune_epochs is '
        f'{shown(finetune_epochs)}'
    )


def decay_problem(
    wrapper: Mapping[str, Any], paramwise_cfg: Optional[Mapping[str, Any]]
) -> Optional[str]:
    """Says it if a decay is to be multiplied that the optimizer does not have.

    Args:
        wrapper (Mapping): Config of an optimizer wrapper.
        paramwise_cfg (Mapping, optional): Its allowed options for parameters.
    """
    optimizer = wrapper.get('optimizer')
    if not isinstance(optimizer, dict) or optimizer.get('weight_decay') is not None:
        return None
    paramwise_cfg = paramwise_cfg or {}
    groups = {'': paramwise_cfg, **paramwise_cfg.get('custom_keys', {})}
    for options in groups.values():
        for name in options:
            if name.endswith('decay_mult'):
                return (
                    f'paramwise_cfg has {name}, so optimizer.weight_decay must be a '
                    'number, but there is none'
                )
    return None


def wrapper_type_problem(key: str, wrapper: Mapping[str, Any]) -> Optional[str]:
    """Says it if one optimizer of a search is to scale its loss alone.

    Args:
        key (str): ``'architecture'`` or ``'mutator'``.
        wrapper (Mapping): Config of its optimizer wrapper.
    """
    if wrapper.get('type') != 'AmpOptimWrapper':
        return None
    return (
        f'optim_wrapper.{key}.type is AmpOptimWrapper, but weights and alpha share '
        "one loss scaler; set optim_wrapper.amp = dict(dtype='float16') instead"
    )


def accumulation_problem(counts: Mapping[str, Any]) -> Optional[str]:
    """Says it if the optimizers of a search do not accumulate alike.

    Args:
        counts (Mapping[str, int]): ``accumulative_counts`` by optimizer.
    """
    first = next(iter(counts.values()))
    if all(count == first for count in counts.values()):
        return None
    return (
        'accumulative_counts must be the same for all optimizers, because they '
        'share the backward pass, but is '
        + ', '.join(f'{shown(n)} for {name}' for name, n in counts.items())
    )
