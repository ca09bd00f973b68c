"""SPOSretrain240 of the authors: the child of a single-path one-shot search."""

_base_ = './dsnas_official-retrain240_8xb128_in1k.py'

model = dict(fix_subnet='{{ fileDirname }}/subnets/spos_official.yaml')
