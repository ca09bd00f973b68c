import numpy as np
import pytest

from mmdsnas.errors import ConfigError
from mmdsnas.models import BiasFreeClsHead
from mmdsnas.options import check_options
from mmdsnas.options.checkers import Choice, Flag, Integer, Real, Text, nearest, shown
from mmdsnas.options.containers import (
    InputShape,
    LeftOut,
    ListOf,
    Mapping,
    Maybe,
    Options,
    Type,
)

NAN, INF = float('nan'), float('inf')


@pytest.mark.parametrize(
    'checker, allowed, refused',
    [
        (Integer(), [0, -3, 10**400], [True, 1.0, '1', None, NAN, [1], np.ones(2)]),
        (Integer(1, 3), [1, 3], [0, 4, False]),
        (Real(), [0, -1.5, 3e38], [True, NAN, INF, -INF, 1e39, 10**400, '1', 1j, None]),
        (Real(0, 1), [0, 1, 0.5], [-1e-9, 1 + 1e-9]),
        (Real(above=0, below=1), [1e-9], [0, 1]),
        (Flag(), [True, False], [0, 1, 'True', None, np.ones(2)]),
        (Text(), ['x'], ['', b'x', None]),
        (Text(empty=True), [''], [None]),
        (Choice('a', 'b'), ['a'], ['c', None, ['a'], np.array(['a', 'a'])]),
        (Maybe(Integer(1)), [None, 1], [0, 'None']),
        (ListOf(Integer(), 1), [[1], (1, 2)], [[], 1, 'ab', [1, 'a'], {1: 2}]),
        (Mapping(), [{}, {'a': 1}], [{1: 2}, [], None]),
        (Options(dict(a=Flag())), [{}, {'a': True}], [{'b': True}, {'a': 1}, {2: 3}]),
        (Options(dict(a=Flag()), ('a',)), [{'a': True}], [{}]),
        (Options(dict(a=Flag()), others=True), [{'b': 1}], [{'a': 1, 'b': 1}]),
        (
            InputShape(),
            [(1, 1, 16000), [1, 3, 4096, 5000]],
            [(1, 1), (2, 3, 8, 8), (1, 3, 0, 8), (1, 3, 10**400), (1, 3, 8192, 8192)],
        ),
        (Type(), ['BN', dict], ['', None, 3]),
        (LeftOut(), [], [None, 0]),
    ],
)
def test_values(checker, allowed, refused):
    assert [v for v in allowed if checker.problems(v)] == []
    assert [v for v in refused if not checker.problems(v)] == []


def test_all_wrong_arguments_are_in_one_sentence():
    message = (
        '^init_std of DifferentiableMutator must be a finite number, from 0 to 100, '
        "but is 'a'; custom_groups.1.0 of DifferentiableMutator must be a string "
        'that is not empty, but is 3.$'
    )
    with pytest.raises(ConfigError, match=message):
        check_options(
            'DifferentiableMutator', dict(init_std='a', custom_groups=[[], [3]])
        )


def test_arguments_are_checked_however_they_are_given():
    for args, kwargs, name in (
        (('a', 8), {}, 'num_classes'),
        ((10, 8), dict(dropout=2), 'dropout'),
        # One that the base class takes.
        ((10, 8), dict(topk=0), 'topk'),
    ):
        with pytest.raises(ConfigError, match=f'^{name} of BiasFreeClsHead must be'):
            BiasFreeClsHead(*args, **kwargs)
    with pytest.raises(TypeError, match=r'__init__\(\) missing'):
        BiasFreeClsHead(10)


def test_a_value_is_shown_in_a_few_words_in_no_time():
    bomb = ['x']
    for _ in range(60):
        bomb = [bomb] * 10
    for value in (bomb, 'x' * 10**6, list(range(10**5)), {'a': bomb}):
        assert len(shown(value)) < 3000
    assert shown(10**5000) == 'an integer of 16610 bits'
    assert shown('a\nb') == "'a\\nb'" and shown(NAN) == 'nan'


def test_nearest():
    assert nearest('intervall', ['interval', 'x']) == " (nearest: 'interval')"
    assert nearest('qqq', ['b', 'a']) == ' (there are a, b)'
    assert nearest('qqq', [str(i) for i in range(99)]) == ''
    assert nearest(None, []) == ''
