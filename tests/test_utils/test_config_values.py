import pytest
from mmengine.config import ConfigDict

from mmdsnas.utils.config_values import type_name, values_in


@pytest.mark.parametrize(
    'part, name',
    [
        (dict(type='mmcls.Resize', scale=3), 'Resize'),
        (ConfigDict(type='Resize'), 'Resize'),
        (dict(type=None), ''),
        (dict(scale=3), ''),
        ('Resize', ''),
        (None, ''),
    ],
)
def test_name_of_a_class(part, name):
    assert type_name(part) == name


def test_values():
    inner = dict(b=1)
    whole = dict(a=[inner, (2, None)], c='text')
    found = [whole, whole['a'], inner, 1, (2, None), 2, None, 'text']
    assert list(values_in(whole)) == found
