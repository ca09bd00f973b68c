"""tools/deployment/export.py, and the function that it calls."""

import re
import sys

import pytest
import torch

from mmdsnas.deployment import export
from mmdsnas.errors import CheckpointError, ConfigError, DataError, UserError
from mmdsnas.launch.run_config import load_config
from mmdsnas.registry import MODELS
from tests.pictures import write_images
from tests.test_tools.conftest import DIGITS

TOOL = 'deployment/export.py'
NAMES = list('0123456789')
OPTIONS = {
    'model.resource_estimator.input_shape': (1, 3, 32, 32),
    'test_dataloader.dataset.pipeline.0.scale': (32, 32),
}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Of a search that was not trained."""
    torch.manual_seed(0)
    model = MODELS.build(load_config(DIGITS, OPTIONS).model)
    path = tmp_path_factory.mktemp('search') / 'epoch_1.pth'
    meta = dict(dataset_meta=dict(classes=NAMES))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path


def test_both_files_are_written_and_described(checkpoint, run_tool, tmp_path):
    options = [f'{key}={value}'.replace(' ', '') for key, value in OPTIONS.items()]
    done = run_tool(
        TOOL,
        DIGITS,
        checkpoint,
        '--out',
        'child.onnx',
        '--check',
        40,
        '--int8',
        10,
        '--with-preprocess',
        '--cfg-options',
        *options,
        cwd=tmp_path,
    )
    lines = done.stdout.splitlines()[-5:]
    size = r'\d\.\d\d MB'
    words = (
        r'40 images, largest difference of logits \S+ \(they are up to \S+\), '
        r'(all|\d+ of 40) predictions agree, '
        r'accuracy \d+\.\d\d % before and \d+\.\d\d % after\.'
    )
    for line, pattern in zip(
        lines,
        (
            rf'child\.onnx: {size}, BatchNorm layers folded: \d\d, left: 0\.',
            r'It takes uint8 images in RGB, N x 32 x 32 x 3, and normalises them\..*',
            f'Compared with PyTorch: {words}',
            rf'child\.int8\.onnx: {size}, in int8\.',
            f'Compared with float32: {words}',
        ),
        strict=True,
    ):
        assert re.fullmatch(pattern, line), line
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['child.int8.onnx', 'child.onnx']
    missing = run_tool(TOOL, DIGITS, 'none.pth', cwd=tmp_path, fails=True)
    last = missing.stderr.splitlines()[-1]
    assert last == 'error: checkpoint none.pth does not exist.'


def test_the_file_is_put_beside_the_checkpoint(checkpoint):
    result = export(DIGITS, checkpoint, format='pt2', check=3, options=OPTIONS)
    assert result.file == checkpoint.with_suffix('.pt2') and result.file.is_file()
    assert result.comparison.images == 3 and result.int8_file is None
    assert result.metadata['classes'] == NAMES
    assert result.metadata['resize'] == [dict(type='Resize', scale=(32, 32))]
    subnet = result.metadata['subnet']
    assert len(subnet) == 8 and 'backbone.layers.0.0' in subnet
    result.file.unlink()


@pytest.mark.parametrize(
    'error, match, options',
    [
        (
            ConfigError,
            '^--format must be onnx or litert or openvino or',
            dict(format='h5'),
        ),
        (ConfigError, '^--format must be onnx or openvino with --int8', dict(int8=3)),
        (ConfigError, '^--out must be a file that ends in .pt2', dict(out='a.onnx')),
        (ConfigError, '^--tolerance must be above 0', dict(tolerance=0.0)),
        (CheckpointError, 'none.pth does not exist', dict(checkpoint='none.pth')),
        (DataError, 'nowhere" is not a folder', dict(check='nowhere')),
    ],
)
def test_mistakes_leave_no_file(error, match, options, checkpoint):
    before = list(checkpoint.parent.iterdir())
    with pytest.raises(error, match=match):
        export(
            DIGITS,
            **{**dict(checkpoint=checkpoint, format='pt2'), **options},
            options=OPTIONS,
        )
    assert list(checkpoint.parent.iterdir()) == before


def test_other_classes_and_folders_alone(checkpoint, tmp_path):
    """Images of a folder have no classes; those of the data set must be the same."""
    loaded = torch.load(checkpoint, weights_only=True)
    loaded['meta']['dataset_meta']['classes'] = [*NAMES[1:], NAMES[0]]
    torch.save(loaded, tmp_path / 'other.pth')
    options = dict(checkpoint=tmp_path / 'other.pth', format='pt2', options=OPTIONS)
    with pytest.raises(CheckpointError, match='other.pth is of the classes'):
        export(DIGITS, **options)
    write_images(tmp_path / 'folder', 2)
    (tmp_path / 'folder' / 'broken.png').write_bytes(b'x')
    result = export(DIGITS, check=tmp_path / 'folder', **options)
    assert result.metadata['classes'] == [*NAMES[1:], NAMES[0]]
    assert result.comparison.images == 2
    (left_out,) = result.left_out
    assert 'broken.png' in left_out


def test_int8_has_an_accuracy_whatever_it_was_checked_on(checkpoint, tmp_path):
    write_images(tmp_path / 'folder', 2)
    result = export(
        DIGITS,
        checkpoint,
        tmp_path / 'child.onnx',
        check=tmp_path / 'folder',
        int8=4,
        options=OPTIONS,
    )
    assert result.comparison.before is None
    assert result.int8_comparison.images == 359
    assert 0 <= result.int8_comparison.after <= 1


@pytest.mark.parametrize(
    'package, extra, options',
    [
        ('onnxscript', 'export', {}),
        ('litert_torch', 'litert', dict(format='litert')),
        ('openvino', 'openvino', dict(format='openvino')),
        ('onnxruntime', 'export', dict(format='openvino', int8=1)),
    ],
)
def test_a_missing_package_is_named(package, extra, options, checkpoint, monkeypatch):
    if package == 'onnxruntime':
        pytest.importorskip('openvino')
    monkeypatch.setitem(sys.modules, package, None)
    needs = rf"needs the package {package}, .*pip install 'mmdsnas\[{extra}\]'"
    with pytest.raises(UserError, match=needs):
        export(DIGITS, checkpoint, **options)
