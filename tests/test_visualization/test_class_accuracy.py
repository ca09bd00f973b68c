"""Numbers that were worked out by hand."""

import pytest

from mmdsnas.visualization.class_accuracy import (
    ClassAccuracy,
    Confusion,
    accuracy_of,
    accuracy_of_classes,
    confusion_matrix,
    most_confused,
    most_unsure,
    most_wrong,
    wilson_interval,
    worst_first,
)
from tests.test_visualization.files import prediction

CLASSES = ['cat', 'dog', 'emu', 'fox']
# Two cats right, one a dog; a dog right, two of them cats; an emu that is a cat.
ROWS = [
    prediction('c1', 'cat', 'cat', 0.9, 0.9, 'dog', 0.1),
    prediction('c2', 'cat', 'cat', 0.5, 0.5, 'dog', 0.4),
    prediction('c3', 'cat', 'dog', 0.6, 0.3, 'cat', 0.3),
    prediction('d1', 'dog', 'dog', 0.7, 0.7, 'cat', 0.2),
    prediction('d2', 'dog', 'cat', 0.99, 0.0, 'emu', 0.01),
    prediction('d3', 'dog', 'cat', 0.35, 0.3, 'emu', 0.33),
    prediction('e1', 'emu', 'cat', 0.8, 0.1, 'dog', 0.1),
]


@pytest.mark.parametrize(
    'correct, images, wanted',
    [
        # z = 1.959964: (0.8 + z^2 / 20 -+ z sqrt(0.016 + z^2 / 400)) / (1 + z^2 / 10)
        (8, 10, (49.016, 94.332)),
        # z^2 / (5 + z^2)
        (0, 5, (0, 43.448)),
        (5, 5, (56.552, 100)),
        (1, 2, (9.453, 90.547)),
        (842, 1000, (81.809, 86.329)),
    ],
)
def test_interval(correct, images, wanted):
    assert wilson_interval(correct, images) == pytest.approx(wanted, abs=6e-4)
    found = accuracy_of('a', correct, images)
    assert found[:3] == ('a', images, 100 * correct / images)
    assert found[3:] == wilson_interval(correct, images)


def test_rows_are_true_and_columns_predicted():
    assert confusion_matrix(ROWS, CLASSES).tolist() == [
        [2, 1, 0, 0],
        [2, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
    ]
    assert confusion_matrix([], CLASSES).sum() == 0


def test_accuracy_by_class():
    found = accuracy_of_classes(ROWS, CLASSES)
    assert [of[:2] for of in found] == [('cat', 3), ('dog', 3), ('emu', 1), ('fox', 0)]
    assert [of.accuracy for of in found] == [
        pytest.approx(200 / 3),
        pytest.approx(100 / 3),
        0,
        None,
    ]
    assert found[3] == ClassAccuracy('fox', 0, None, None, None)
    # The hand-worked one of a class with one image, which is wrong: z^2 / (1 + z^2).
    assert found[2][3:] == pytest.approx((0, 79.345), abs=1e-3)


def test_worst_class_is_first():
    names = [of.name for of in worst_first(accuracy_of_classes(ROWS, CLASSES))]
    assert names == ['emu', 'dog', 'cat', 'fox']
    alike = [accuracy_of('few', 1, 2), accuracy_of('many', 2, 4)]
    assert [of.name for of in worst_first(alike)] == ['many', 'few']


def test_most_confused_pairs():
    pairs = most_confused(confusion_matrix(ROWS, CLASSES), CLASSES)
    assert pairs == [
        Confusion('dog', 'cat', 2, 3),
        Confusion('emu', 'cat', 1, 1),
        Confusion('cat', 'dog', 1, 3),
    ]
    assert most_confused(confusion_matrix(ROWS, CLASSES), CLASSES, 1) == pairs[:1]


def test_choice_of_images():
    assert [row.image for row in most_wrong(ROWS)] == ['d2', 'e1', 'c3', 'd3']
    assert [row.image for row in most_wrong(ROWS, 2)] == ['d2', 'e1']
    # Differences of 0.02, 0.1 and 0.3.
    assert [row.image for row in most_unsure(ROWS, 3)] == ['d3', 'c2', 'c3']
    assert len(most_unsure(ROWS * 2)) == 8
