"""What a checkpoint says of itself, which may be anything."""

import pytest
import torch

from mmdsnas.errors import CheckpointError
from mmdsnas.subnets import recorded_classes, recorded_input_size, recorded_subnet
from mmdsnas.subnets.metadata import check_resumable, last_lr, meta_of, number

PLAN = dict(max_epochs=9, pretrain_epochs=1, finetune_epochs=5)


def test_what_is_of_its_kind_is_kept():
    meta = dict(
        subnet={'a': 'b'},
        input_shape=[1, 3, 32, 32],
        blocks=dict(a=dict(candidate='b', mflops=1.0)),
        epoch=3,
        plan=dict(PLAN, selects=True),
        lr=0.1,
        metrics=dict(acc=1.0),
        dataset_meta=dict(classes=('a', 3), palette=[]),
        run=dict(setting={}, search_space=dict(x=dict(blocks=['a'], choices=['b']))),
        mmdsnas_version='1',
        mflops=1.0,
        seed='of mmengine',
    )
    assert meta_of(dict(meta=meta)) == meta
    assert recorded_classes(dict(meta=meta)) == ['a', '3']
    assert recorded_input_size(dict(meta=meta)) == 32
    assert recorded_input_size(dict(meta=dict(input_shape=(1, 3, 32, 16)))) is None


@pytest.mark.parametrize(
    'name, value',
    [
        ('input_shape', [1, 3, 32]),
        ('input_shape', torch.ones(4)),
        ('input_shape', [1, 3, 32.0, 32.0]),
        ('blocks', dict(a='b')),
        ('epoch', '3'),
        ('epoch', True),
        ('epoch', 10**400),
        ('plan', dict(PLAN, max_epochs=None)),
        ('plan', dict(max_epochs=3)),
        ('lr', float('nan')),
        ('metrics', [1.0]),
        ('dataset_meta', dict(classes='abc')),
        ('run', dict(setting=[])),
        ('run', dict(search_space=dict(x=dict(blocks=['a'])))),
        ('mmdsnas_version', 1),
    ],
)
def test_what_is_not_of_its_kind_is_left_out(name, value):
    found = meta_of(dict(meta={name: value, 3: 4, 'mflops': 1.0}))
    assert found == {3: 4, 'mflops': 1.0}
    assert recorded_classes(dict(meta={name: value})) == []
    assert recorded_input_size(dict(meta={name: value})) is None


@pytest.mark.parametrize('meta', [None, 3, 'epoch', [('epoch', 3)], torch.ones(2)])
def test_no_metadata(meta):
    assert meta_of(dict(meta=meta)) == meta_of({}) == {}


def test_a_recorded_subnet_is_no_path():
    """A file must not say which other file is read."""
    assert recorded_subnet(dict(meta=dict(subnet={'a': 'b'}))) == {'a': 'b'}
    assert recorded_subnet(dict(meta=3)) is None
    with pytest.raises(CheckpointError, match="must map blocks.*but is '/etc/passwd'"):
        recorded_subnet(dict(meta=dict(subnet='/etc/passwd')))


@pytest.mark.parametrize('lr', ['0.1', None, True, float('nan'), 10**400, [0.1]])
def test_a_learning_rate_that_is_none(lr):
    assert number(lr) is None
    assert last_lr(dict(optimizer=dict(param_groups=[dict(lr=lr)]))) is None
    assert last_lr(dict(meta=dict(lr=lr), optimizer=7)) is None
    assert last_lr(dict(meta=dict(lr=0.5), optimizer=dict())) == 0.5


def test_weights_alone_are_no_run():
    whole = dict(meta=dict(epoch=1, iter=5), message_hub={}, optimizer={})
    check_resumable(whole, 'x.pth')
    others = [{**whole, 'meta': dict(epoch=1, iter='5')}]
    others += [{k: v for k, v in whole.items() if k != part} for part in whole]
    others += [{**whole, part: 1} for part in whole]
    for other in others:
        with pytest.raises(CheckpointError, match='x.pth cannot be resumed'):
            check_resumable(other, 'x.pth')
