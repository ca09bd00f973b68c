"""What is compared on photos of one's own, each trained for the same time."""

from dataclasses import dataclass
from typing import Any

from mmdsnas.engine.hooks.stage.hand_made_child_hook import RANDOM
from ..output import RESULTS

FILE = RESULTS / 'own_images.json'
# Among the results: what steps take.
TIMES = 'times'
# Of the whole network's MFLOPs. It costs 25.03 % at half of the edge: that is allowed.
LIMITS = ('25.1%', '50%')


@dataclass(frozen=True)
class Row:
    """A way to a network for some photos.

    Attributes:
        name (str): What the tables call it.
        network (str, optional): Made by hand, see ``HandMadeChildHook``; None: it is
            searched.
        search_epochs (int): Of the search stage.
        tuned (int): Epochs of the whole network; 0: as many as for a user.
        from_nothing (bool): Whether it is the search without a pretrained network.
        part (float): Of the time that the others have.
        options (tuple): More options of the config.
    """

    name: str
    network: str | None = None
    search_epochs: int = 0
    tuned: int = 0
    from_nothing: bool = False
    part: float = 1.0
    options: tuple[tuple[str, Any], ...] = ()


DISTILLATION = (('model.distillation', dict(loss_weight=1.0)),)
# Of both limits; the others, of networks that no limit fits, are trained once.
ROWS = (
    Row('search'),
    # Its teacher has to know more than one epoch teaches.
    Row('with distillation', tuned=4, options=DISTILLATION),
    Row('with a search stage', search_epochs=2),
    Row('whole network, smaller images', 'full'),
    Row('all blocks left out that can be', 'skip+full'),
    # Its accuracy has its best before.
    Row('the same in half of the time', 'skip+full', part=0.5),
    Row('expansion 4 everywhere', 'e4'),
    Row('blocks left out, expansion 4', 'skip+e4'),
    Row('random path', RANDOM),
)
OTHERS = (
    Row('whole network', 'full'),
    Row('search from nothing', from_nothing=True),
)
# What one would make by hand.
OBVIOUS = [r for r in ROWS if r.network not in (None, RANDOM) and r.part == 1]
# What is trained, and within which limit.
PAIRS = (
    *((row, limit) for limit in LIMITS for row in ROWS),
    *((row, None) for row in OTHERS),
)


def job_name(row: Row, limit: str | None, seed: int) -> str:
    """Name of a row's file of results."""
    words = [*row.name.replace(',', '').split(), limit or 'whole', str(seed)]
    return '-'.join(words).replace('%', '')


def time_name(row: Row, limit: str | None) -> str:
    """Name of the time of a row's step."""
    return ' within '.join(filter(None, (row.network or row.name, limit)))
