"""DSNASsearch240 of the authors: the child of their search, to be evaluated."""

_base_ = './dsnas_official-finetune_8xb128_in1k.py'

model = dict(fix_subnet='{{ fileDirname }}/subnets/dsnas_official.yaml')
