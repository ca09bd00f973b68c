"""What the options of the selection of a child may be, see ``declared.py``."""

from typing import Dict

from .checkers import Checker, Integer, Real, Text
from .containers import Either, ListOf, Mapping, Maybe, Part

SELECTION: Dict[str, Dict[str, Checker]] = dict(
    SelectChildHook=dict(
        strategy=Part('select'),
        dataloader=Maybe(Mapping()),
        evaluator=Maybe(Either(Mapping(), ListOf(Mapping(), 1))),
        metric=Text(),
        num_batches=Integer(1),
    ),
    RandomSelection=dict(num_paths=Integer(1)),
    EvolutionSelection=dict(
        population=Integer(1),
        generations=Integer(1),
        top=Integer(1),
        num_mutation=Integer(0),
        num_crossover=Integer(0),
        mutate_prob=Real(0, 1),
    ),
)
