from mmdsnas.utils.words import nearest, shown


def test_a_value_is_shown_in_a_few_words_in_no_time():
    bomb = ['x']
    for _ in range(60):
        bomb = [bomb] * 10
    for value in (bomb, 'x' * 10**6, list(range(10**5)), {'a': bomb}):
        assert len(shown(value)) < 3000
    assert shown(10**5000) == 'an integer of 16610 bits'
    assert shown('a\nb') == "'a\\nb'" and shown(float('nan')) == 'nan'


def test_nearest():
    assert nearest('intervall', ['interval', 'x']) == " (nearest: 'interval')"
    assert nearest('qqq', ['b', 'a']) == ' (there are a, b)'
    assert nearest('qqq', [str(i) for i in range(99)]) == ''
    assert nearest(None, []) == ''
