"""Sizes of files: those that are written, and what is counted for the choice."""

import pytest
import torch

from mmdsnas.errors import ConfigError
from mmdsnas.models import ResourceEstimator
from mmdsnas.models.cost import FileSizeMeter
from mmdsnas.models.cost.network_files import NetworkFiles
from mmdsnas.subnets import child_checkpoint
from tests import small_choice
from tests.small_choice import SIZE
from tests.test_models.test_cost.test_memory_limit import SHAPE, net
from tests.toy import algorithm_of, all_paths, prepared, set_alpha

pytest.importorskip('onnxruntime')


@pytest.mark.parametrize('dtype', ['float32', 'int8'])
def test_sums_are_near_the_files_that_are_written(dtype):
    model = net()
    meter = FileSizeMeter(SHAPE, dtype=dtype)
    estimator = ResourceEstimator(SHAPE, size=dict(dtype=dtype))
    mutator = prepared(model, custom_groups=[])
    table = estimator.cost_table(model, mutator.search_groups)
    for path in all_paths(mutator):
        written = meter.whole(model, table.choices(path))
        assert table.cost(path)['size'] == pytest.approx(written, rel=0.03)
        if set(path.values()) == {'large'}:
            assert table.cost(path)['size'] == pytest.approx(written, rel=1e-9)


def test_of_shared_weights_a_candidate_has_its_part():
    """By hand: weights and biases of three convolutions, or of two."""
    algorithm = small_choice.algorithm_of()
    meter = FileSizeMeter((1, 3, SIZE, SIZE))
    table = meter.table(algorithm.architecture)
    for row in table.blocks.values():
        full = (4 * 12 + 12) + (9 * 12 + 12) + (12 * 4 + 4)
        small = (9 * 4 + 4) + (4 * 4 + 4)
        # And the names of an operation or two, and of what they read.
        found = 1024 * (row['full'] - row['small'])
        assert 4 * (full - small) < found < 4 * (full - small) + 800
        assert row['skip'] == 0
    # Another size of images has no other files.
    known = len(FileSizeMeter._sizes)
    FileSizeMeter((1, 3, 2 * SIZE, 2 * SIZE)).table(algorithm.architecture)
    assert len(FileSizeMeter._sizes) == known


@pytest.mark.parametrize('dtype', ['float32', 'int8'])
def test_the_file_of_the_child_is_within_the_limit(dtype):
    """Of every limit between the smallest and the largest file, by enumeration."""
    shape = dict(input_shape=SHAPE, size=dict(dtype=dtype))

    def searching(limit):
        algorithm = algorithm_of(
            net(),
            width=4,
            finetune_epochs=1,
            resource_estimator=shape,
            cost=dict(limit=dict(size=limit)),
        )
        set_alpha(algorithm.mutator, [2.0, 1.0, 0.0], [1.0, 0.0], [2.0, 1.0, 0.0])
        algorithm.begin(epoch=0)
        return algorithm

    free = searching(1e6)
    meter = free.resource_estimator.meters['size']
    written = {
        tuple(path.values()): meter.whole(
            free.architecture, free.cost_table.choices(path)
        )
        for path in all_paths(free.mutator)
    }
    for limit in sorted(written.values())[::4]:
        try:
            algorithm = searching(limit)
            before = algorithm.mutator.derive_child()
            child = algorithm.begin(epoch=1)
        except ConfigError as error:
            # Sums may leave no path where there is one, by some bytes.
            assert 'no path' in str(error) and limit == min(written.values())
            continue
        assert written[tuple(child.values())] <= limit
        assert before == child or written[tuple(before.values())] > limit
        meta = child_checkpoint(algorithm)['meta']
        assert meta['size_kib'] == written[tuple(child.values())]


def test_the_file_of_the_export_is_no_larger():
    """Of the digits' space, cheapest and costliest path."""
    from mmdsnas.deployment.formats import FORMATS
    from mmdsnas.deployment.network import Network, trace
    from mmdsnas.launch.building import build_model
    from mmdsnas.launch.run_config import load_config

    name, shape = 'dsnas_supernet_1xb64_digits', (1, 3, 64, 64)
    algorithm = build_model(load_config(name, {}))
    for path in algorithm.cost_table.extreme_paths():
        choices = algorithm.cost_table.choices(path)
        child = build_model(load_config(name, {}), choices)
        program, *_ = trace(Network(child), torch.zeros(shape))
        size = len(NetworkFiles(algorithm.architecture, shape, 'onnx').of(choices))
        written = size_of(FORMATS['onnx'](), program)
        assert 0.7 * size < written < size


def size_of(kind, program):
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder, 'x.onnx')
        kind.write(program, file, dict(classes=['0', '1']))
        return file.stat().st_size
