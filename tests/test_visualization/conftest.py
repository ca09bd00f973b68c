import pytest
from mmengine.registry import DefaultScope

from tests.toy_run import runner_of

CONFIG = """
data_root = '<img src="http://x.y/z.png">'
model = dict(
    type='DSNAS', pretrain_epochs=1, finetune_epochs=2, cost=dict(limit=0.5))
train_cfg = dict(by_epoch=True, max_epochs=3)
train_dataloader = dict(batch_size=4, dataset=dict(type='NoisyVectors'))
"""


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    """The work directory of a search of three epochs, one in each stage."""
    folder = tmp_path_factory.mktemp('searched')
    scopes = DefaultScope._instance_dict.copy()
    hooks = [dict(type=f'{n}Hook') for n in ('SearchLog', 'ExportChild', 'Report')]
    runner_of(folder, hooks, log_level='INFO').train()
    DefaultScope._instance_dict = scopes
    # The runner of the tests is built without a config.
    (config,) = (folder / 'work').glob('*/vis_data/config.py')
    config.write_text(CONFIG)
    return folder / 'work'
