"""mmengine's objects in checkpoints, loaded without their own code."""

from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub

from mmdsnas.subnets.unpickling import history_allowed
from tests.payload import Call


def through_file(value, path):
    torch.save(value, path)
    with history_allowed():
        return torch.load(path, weights_only=True)


def test_message_hub_as_mmengine_saves_it(tmp_path):
    hub = MessageHub('saved')
    for value in (1.0, 2.5):
        hub.update_scalar('train/loss', value, count=2)
    hub.log_scalars['empty'] = HistoryBuffer()
    hub._resumed_keys['empty'] = True
    hub.update_info('best_score', np.float32(0.5))
    hub.update_info('dataset_meta', dict(classes=('a', 'b'), colours=np.eye(2)))
    loaded = through_file(hub.state_dict(), tmp_path / 'hub.pth')
    other = MessageHub('loaded')
    other.load_state_dict(loaded)
    history = other.get_scalar('train/loss')
    assert type(history) is HistoryBuffer
    assert [part.tolist() for part in history.data] == [[1.0, 2.5], [2, 2]]
    history.update(4.0, count=2)
    assert history.mean() == 7.5 / 6 and history.statistics('max') == 4.0
    assert type(other.get_scalar('empty')) is HistoryBuffer
    assert other.get_info('best_score') == 0.5
    meta = other.get_info('dataset_meta')
    assert meta['classes'] == ('a', 'b') and meta['colours'].tolist() == [
        [1, 0],
        [0, 1],
    ]


@pytest.mark.parametrize(
    'array',
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype='i2').reshape(2, 3)),
        np.arange(4, dtype='>u4'),
        np.array([], dtype='f4'),
        np.array(True),
        np.arange(8, dtype='f2')[::2],
    ],
    ids=lambda array: f'{array.dtype.str}{array.shape}',
)
def test_arrays_and_numbers(tmp_path, array):
    loaded = through_file([array, *array.ravel()[:1]], tmp_path / 'x.pth')
    assert loaded[0].dtype == array.dtype.newbyteorder('=')
    np.testing.assert_array_equal(loaded[0], array, strict=False)
    assert loaded[1:] == array.ravel()[:1].tolist()
    loaded[0][...] = 0  # it may be written to


@pytest.mark.parametrize(
    'value',
    [
        np.array([print], dtype=object),
        np.array(['text']),
        np.zeros(2, dtype=[('a', 'i4'), ('b', 'f8')]),
        np.array(['2020-01-01'], dtype='M8[D]'),
        np.str_('text'),
    ],
    ids=lambda value: value.dtype.str,
)
def test_other_arrays_are_refused(tmp_path, value):
    with pytest.raises(UnpicklingError):
        through_file(value, tmp_path / 'x.pth')


def test_nothing_is_looked_up_or_changed(tmp_path):
    """A history brings methods along, which mmengine puts into the class."""
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    history._statistics_methods = dict(mean=HistoryBuffer.max)
    forged = Call(getattr, HistoryBuffer, '__init__')
    loaded = through_file(dict(history=history, init=forged), tmp_path / 'x.pth')
    assert loaded['init'] == '__init__'
    assert loaded['history'].statistics('mean') == 2.0
    assert HistoryBuffer._statistics_methods['mean'] is HistoryBuffer.mean
    assert vars(loaded['history']).keys() == vars(HistoryBuffer()).keys()


def test_what_others_allowed_is_kept_apart(tmp_path):
    """Some libraries allow NumPy's own unpickling to the whole process."""
    ours = [HistoryBuffer, np.dtype, np.ndarray, (print, 'builtins.getattr'), Call]
    with torch.serialization.safe_globals(ours):
        before = set(torch.serialization.get_safe_globals())
        value = [HistoryBuffer([1.0], [1]), np.ones(1), Call(Call)]
        loaded = through_file(value[:2], tmp_path / 'x.pth')
        assert loaded[0].statistics('mean') == 1.0 and loaded[1].tolist() == [1.0]
        with pytest.raises(TypeError, match='missing 1 required'):  # it was called
            through_file(value, tmp_path / 'x.pth')
        assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize(
    'forged',
    [
        Call(np.ndarray, (10**12,)),
        Call(np._core.multiarray._reconstruct, np.ndarray, (9**9,), b'b'),
        Call(HistoryBuffer),
    ],
)
def test_objects_without_a_state_are_empty(tmp_path, forged):
    """Memory is neither taken nor shown as it is."""
    loaded = through_file(forged, tmp_path / 'x.pth')
    parts = loaded.data if isinstance(loaded, HistoryBuffer) else [loaded]
    assert all(part.size == 0 and part.dtype == float for part in parts)
