from pathlib import Path

import pytest
from mmengine.config import Config

from benchmarks.speed.workload import Workload
from tests.toy import small_shufflenet

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / 'configs' / 'dsnas' / '_base_' / 'search_runtime.py'
SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)


@pytest.fixture
def workload(tmp_path) -> Workload:
    """A search of four small blocks with four candidates, as a config file."""
    config = Config.fromfile(RUNTIME)
    options = dict(
        visualizer=dict(type='mmcls.ClsVisualizer', vis_backends=[]),
        data_preprocessor=dict(
            type='mmcls.ClsDataPreprocessor', mean=[127.0] * 3, std=[60.0] * 3
        ),
        model=dict(
            type='DSNAS',
            architecture=small_shufflenet(),
            mutator=dict(type='DifferentiableMutator'),
            gradient_estimator=dict(type='DSNASGradient'),
        ),
        optim_wrapper=dict(
            constructor='SearchOptimWrapperConstructor',
            architecture=dict(type='OptimWrapper', optimizer=SGD),
            mutator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)),
        ),
    )
    path = tmp_path / 'toy.py'
    config.merge_from_dict(options)
    config.dump(path)
    return Workload(str(path), batch_size=4, image_size=32, num_paths=3)
