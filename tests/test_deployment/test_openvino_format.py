"""Two files that belong together."""

import os

import numpy as np
import pytest
import torch

from mmdsnas.deployment import Images, export_child
from mmdsnas.deployment.formats import files_of

openvino = pytest.importorskip('openvino')


@pytest.fixture(scope='module')
def result(child, images, tmp_path_factory):
    """An export in float32 and in int8."""
    out = tmp_path_factory.mktemp('openvino') / 'child.xml'
    few = Images(images.samples, 10)
    return export_child(child, images, out, 'openvino', calibration=few)


def kinds(model):
    outputs = [output for op in model.get_ops() for output in op.outputs()]
    return {output.element_type.get_type_name() for output in outputs}


def test_what_the_files_hold(result):
    names = ['child.bin', 'child.int8.bin', 'child.int8.xml', 'child.xml']
    assert sorted(path.name for path in result.file.parent.iterdir()) == names
    assert files_of(result.file) == [result.file, result.file.with_suffix('.bin')]
    model = openvino.Core().read_model(result.file)
    assert str(model.input('images').partial_shape) == '[?,3,32,32]'
    assert str(model.output('logits').partial_shape) == '[?,5]'
    # In float32: in float16 it would not compute what PyTorch does.
    assert 'f32' in kinds(model) and 'f16' not in kinds(model)
    for path in result.file.parent.iterdir():
        content = path.read_bytes()
        assert b'/mmcls/' not in content and str(path.parent).encode() not in content


def test_int8_is_smaller_and_computes_in_int8(result, child, images):
    weights = [
        file.with_suffix('.bin').stat().st_size
        for file in (result.file, result.int8_file)
    ]
    assert weights[1] < 0.5 * weights[0]
    model = openvino.Core().read_model(result.int8_file)
    assert 'i8' in kinds(model)
    said = model.get_rt_info(['metadata.json']).astype(str)
    assert '"channel_order": "RGB"' in said

    pixels = torch.cat([batch for batch, _ in images])
    inputs = child.data_preprocessor(dict(inputs=pixels))['inputs'].numpy()
    logits = [
        openvino.compile_model(file, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})(
            inputs
        )[0]
        for file in (result.file, result.int8_file)
    ]
    compared = result.int8_comparison
    difference = np.abs(logits[0] - logits[1])
    assert compared.largest == pytest.approx(difference.max(), rel=1e-3)
    assert 1e-4 < difference.mean() < 0.3 * logits[0].std(0).mean()
    assert compared.agreeing > 30


def test_no_file_stands_beside_a_wrong_second_one(child, images, tmp_path, monkeypatch):
    """Where it is killed between the two there is none."""
    out, steps = tmp_path / 'child.xml', []
    out.write_text('before')
    out.with_suffix('.bin').write_text('before')
    replace = os.replace

    def noted(source, target):
        there = out.read_text() if out.exists() else None
        steps.append((os.path.basename(target), there))
        replace(source, target)

    monkeypatch.setattr(os, 'replace', noted)
    export_child(child, Images(images.samples, 2), out, 'openvino')
    assert steps == [('child.bin', None), ('child.xml', None)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'child.bin',
        'child.xml',
    ]
