"""The authors' search; dsnas_official-finetune goes on from its epoch 80."""

_base_ = [
    './_base_/datasets/imagenet_bs128_official.py',
    './_base_/models/shufflenetv2_official_supernet.py',
    './_base_/schedules/imagenet_sgd_official-search_85e.py',
    './_base_/search_runtime.py',
]

model = dict(
    pretrain_epochs=0,
    finetune_epochs=85,
    # The weight is 1e-6 * W ** 2 on W ranks, see docs/en/method.md.
    cost=dict(limit=290.0, weight=6.4e-5, form='sampled', count_fixed_part=False),
)

default_hooks = dict(
    # The checkpoint of epoch 80 must outlive the run.
    checkpoint=dict(max_keep_ckpts=6),
    sampled_path_val=dict(type='SampledPathValHook'),
)

auto_scale_lr = dict(base_batch_size=1024)
randomness = dict(seed=48)
