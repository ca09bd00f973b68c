import pytest
from mmengine.registry import DefaultScope

from tests.toy import algorithm_of
from tests.toy_run import normed_net, runner_of

OPTIONS = dict(
    data_root='<img src="http://x.y/z.png">',
    train_dataloader=dict(batch_size=4, dataset=dict(type='NoisyVectors', noise=True)),
    train_cfg=dict(max_epochs=3),
)


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    """The work directory of a search of three epochs, one in each stage."""
    folder = tmp_path_factory.mktemp('searched')
    scopes = DefaultScope._instance_dict.copy()
    names = ('SearchLog', 'RecordSubnet', 'ExportChild', 'Report')
    hooks = [dict(type=f'{name}Hook') for name in names]
    stages = dict(pretrain_epochs=1, finetune_epochs=2)
    model = algorithm_of(normed_net(), cost=dict(limit=0.5), **stages)
    runner_of(folder, hooks, model, cfg=OPTIONS).train()
    DefaultScope._instance_dict = scopes
    return folder / 'work'
