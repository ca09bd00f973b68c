"""What scripts import from the package itself, or from where OpenMMLab has it."""

import pytest

import mmdsnas
from mmdsnas import apis


def test_every_public_name_is_there():
    assert {'search', 'load_child', 'predict', 'export', 'report', 'DSNAS'} <= set(
        mmdsnas.__all__
    )
    for name in mmdsnas.__all__:
        assert name in dir(mmdsnas)
        if name != '__version__':
            assert getattr(apis, name) is getattr(mmdsnas, name)


def test_a_name_that_is_not():
    with pytest.raises(AttributeError, match='serch'):
        _ = mmdsnas.serch
