"""Options of data sets and of what reads them."""

from typing import Dict

from .checkers import Checker, Choice, Flag, Integer, Real, Text
from .containers import Either, LeftOut, ListOf, Mapping, Maybe, Part

_DATA_ROOT = Maybe(Text(empty=True))
_SPLIT_RATIO = Real(above=0, below=1)

DATA: Dict[str, Dict[str, Checker]] = dict(
    # Both are those of the data loader.
    AlternatingBatchSampler=dict(sampler=Part('__iter__'), batch_size=Integer(1)),
    NoSingleImageBatchSampler=dict(sampler=Part('__iter__'), batch_size=Integer(1)),
    Digits=dict(
        split=Maybe(Choice('train', 'test')),
        val_ratio=_SPLIT_RATIO,
        test_mode=Flag(),
        ann_file=LeftOut(),
    ),
    FashionMNIST=dict(
        data_root=Maybe(Text()),
        split=Maybe(Choice('train', 'test')),
        num_samples=Maybe(Integer(10)),
        test_mode=Flag(),
        data_prefix=LeftOut(),
        download=LeftOut(),
    ),
    ImageFolder=dict(
        data_root=_DATA_ROOT,
        split=Maybe(Choice('train', 'val', 'test')),
        val_ratio=_SPLIT_RATIO,
        test_mode=Flag(),
        lazy_init=Flag(),
        max_corrupt=Integer(0),
        left_out=ListOf(Text()),
        ann_file=LeftOut(),
    ),
    ImageNet=dict(
        ann_file=Maybe(Text(empty=True)),
        metainfo=Maybe(Mapping()),
        data_root=_DATA_ROOT,
        data_prefix=Either(Text(empty=True), Mapping()),
        max_corrupt=Integer(0),
        test_mode=Flag(),
    ),
    # At the top of a config; see mmdsnas/launch/own_images.py.
    own_images=dict(
        input_size=Maybe(Integer(64, 1024)),
        epochs=Maybe(Integer(3)),
        batch_size=Maybe(Integer(2)),
        val_ratio=Maybe(_SPLIT_RATIO),
        found=Maybe(Mapping()),
    ),
    seed_worker=dict(worker_id=LeftOut()),
    # An option that is no class of its own in a config.
    SkipCorruptImagesMixin=dict(max_corrupt=Integer(0)),
)
