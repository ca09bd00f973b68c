from collections import OrderedDict, namedtuple

import numpy as np
import torch

from mmdsnas.utils.plain import plain


class Unknown:
    def __str__(self):
        return 'unknown'


def test_result_loads_safely(tmp_path):
    value = dict(
        classes=('a', np.str_('b')),
        score=np.float32(0.5),
        flag=np.bool_(True),
        array=np.arange(3),
        nested=[OrderedDict(x=1), namedtuple('P', 'y')(2)],
        tensor=torch.ones(2),
        none=None,
        other=Unknown(),
    )
    torch.save(plain(value), tmp_path / 'file')
    loaded = torch.load(tmp_path / 'file', weights_only=True)
    assert torch.equal(loaded.pop('tensor'), torch.ones(2))
    assert loaded == dict(
        classes=('a', 'b'),
        score=0.5,
        flag=True,
        array=[0, 1, 2],
        nested=[dict(x=1), (2,)],
        none=None,
        other='unknown',
    )
    assert type(loaded['flag']) is bool and type(loaded['classes'][1]) is str
