"""MMRazor's setting of DSNAS, in OpenMMLab's ShuffleNetV2."""

_base_ = [
    './_base_/datasets/imagenet_bs128_openmmlab.py',
    './_base_/models/shufflenetv2_openmmlab_supernet.py',
    './_base_/schedules/imagenet_sgd_search_240e.py',
    './_base_/search_runtime.py',
]

model = dict(pretrain_epochs=15, finetune_epochs={{_base_.search_epochs}})

auto_scale_lr = dict(base_batch_size=1024)
randomness = dict(seed=48, diff_rank_seed=True)
