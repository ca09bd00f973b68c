"""What networks said of images, and how it is told of in the files of a run."""

from collections import Counter
from typing import Annotated, Any, Iterable, Literal, NamedTuple

from pydantic import Field

from mmdsnas.utils.options import Probability, Text

Percent = Annotated[float, Field(ge=0, le=100)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)] | None

# What these are called among networks; what they are made of may follow in brackets.
CHILD, SEARCHED = 'the child', "the search's choice"
WHOLE = 'the whole network'


class ImagePrediction(NamedTuple):
    """What a network said of an image; the names are the columns of the file.

    ``second`` is the class with the second largest probability.
    """

    image: str
    true: str
    predicted: str
    probability: Probability
    true_probability: Probability
    second: str
    second_probability: Probability


class ComparedNetwork(NamedTuple):
    """A network that was evaluated on the same images as the child.

    The accuracy is in %, of so many images; a cost that is not known is None. Where
    networks were judged by the images of the validation, ``validation`` is the accuracy
    there, and ``difference`` that from the child's, in points, with the standard error
    of the paired difference.
    """

    network: Text
    input_size: Annotated[int, Field(ge=1)] | None
    mflops: Amount
    mparams: Amount
    accuracy: Percent
    images: Annotated[int, Field(ge=1)]
    validation: Percent | None = None
    difference: Annotated[float, Field(ge=-100, le=100)] | None = None
    standard_error: Amount = None

    def is_the(self, kind: str) -> bool:
        """Whether it is the one that is called so, ``CHILD``, say."""
        return self.network == kind or self.network.startswith(f'{kind} (')


def called(kind: str, made_of: str | None) -> str:
    """The name of the one of a kind, with what it is made of, if that has a name."""
    return f'{kind} ({made_of})' if made_of else kind


class Competitor(NamedTuple):
    """A network that competed for being the child, see ``ChooseChildHook``.

    ``losses`` are those after each round of training that it had, between spaces; so
    many more rounds than the others has the winner, who is the first. ``judged`` says
    as what it had them, ``float32`` or ``int8``.
    """

    network: Text
    input_size: Annotated[int, Field(ge=1)]
    mflops: Amount
    distance: float
    losses: str | None
    path: Text
    judged: Literal['float32', 'int8'] | None = None


class FrontRow(NamedTuple):
    """A child within one of several limits.

    The limit is as it was given; ``costs`` are by the keys of ``COSTS``, None where
    nothing was measured, and columns of the file. The accuracy in % has its 95 %
    interval, which tells of the images alone: trainings differ, too; ``int8_accuracy``
    is that of the child in int8, of the same images. ``path`` has the
    candidates block by block between spaces, ``file`` is relative to the work
    directory.
    """

    limit: Text
    input_size: Annotated[int, Field(ge=1)] | None
    costs: dict[str, Amount]
    accuracy: Percent | None
    lower: Percent | None
    upper: Percent | None
    int8_accuracy: Percent | None
    images: Annotated[int, Field(ge=1)] | None
    data: Literal['test', 'val'] | None
    path: Text
    file: Text

    @property
    def mflops(self) -> float | None:
        """Multiply-adds / 1e6."""
        return self.costs.get('mflops')


def unique_names(classes: Iterable[Any]) -> list[str]:
    """Names of classes; two that are alike, as in ImageNet, get their labels."""
    names = list(map(str, classes))
    count = Counter(names)
    return [f'{n} ({k})' if count[n] > 1 else n for k, n in enumerate(names)]
