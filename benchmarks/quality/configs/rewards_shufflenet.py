"""8 blocks of the ShuffleNetV2 candidates, trained on uniformly drawn paths.

The weights that the search stage of configs/dsnas begins with, on fewer images.
"""

_base_ = '../../../configs/dsnas/dsnas_supernet_1xb128_fashion-mnist.py'

max_epochs = 7
# No epoch trains alpha, and paths are drawn from exactly uniform probabilities.
model = dict(
    pretrain_epochs=max_epochs,
    finetune_epochs=max_epochs,
    mutator=dict(init_std=0.0),
)
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
train_dataloader = dict(num_workers=0, dataset=dict(num_samples=10000))
val_dataloader = dict(num_workers=0, persistent_workers=False)
default_hooks = dict(
    _delete_=True,
    checkpoint=None,
    exact_resume=dict(type='ExactResumeHook'),
    search_stage=dict(type='SearchStageHook'),
)
visualizer = dict(vis_backends=[])
