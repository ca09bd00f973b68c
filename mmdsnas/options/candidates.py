"""What the candidates of a block may be, see ``declared.py``."""

from typing import Any, List

import torch.nn as nn

from .checkers import Problem, shown
from .containers import Mapping


class Candidates(Mapping):
    """A dict of modules, or of their configs, by names that torch has for modules."""

    def problems(self, value: Any) -> List[Problem]:
        found = super().problems(value)
        for name in () if found else value:
            try:
                nn.ModuleDict().add_module(name, None)
            except KeyError as error:
                what = f'must have other names than {shown(name)}: {error.args[0]}'
                found.append(('', what))
        return found
