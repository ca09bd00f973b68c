"""Files of a child: what they compute, say and need."""

import copy
import json

import numpy as np
import onnx
import pytest
import torch
import torch.nn as nn
from mmengine.model import BaseModel

from mmdsnas.deployment import FORMATS, Images, export_child
from mmdsnas.errors import ConfigError, ExportError
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.models.mutables import blocks_of
from tests.test_deployment.conftest import INSTALLED, MEAN, STD, SUBNET

CLASSES = ('ant', 'bee', 'cat', 'dog', 'élan')
PIPELINE = (
    dict(type='LoadImageFromFile'),
    dict(type='mmcls.ResizeEdge', scale=36, edge='short'),
    dict(type='mmcls.CenterCrop', crop_size=32),
    dict(type='mmcls.PackClsInputs'),
)

# Runs a file where no other package can be imported; prints what it gives.
ALONE = """
import importlib.abc, json, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ModuleNotFoundError(name + ' is blocked')
sys.meta_path.insert(0, Blocked())
import numpy as np
inputs = np.load({inputs!r})
"""
ALONE_ONNX = """
import onnxruntime
session = onnxruntime.InferenceSession({file!r})
metadata = json.loads(session.get_modelmeta().custom_metadata_map['metadata.json'])
def run(inputs):
    return session.run(None, {{metadata['input']: inputs}})[0]
"""
ALONE_PT2 = """
import torch
extra = {{'metadata.json': ''}}
program = torch.export.load({file!r}, extra_files=extra)
metadata = json.loads(extra['metadata.json'])
def run(inputs):
    return program.module()(torch.from_numpy(inputs)).numpy()
"""
ALONE_OPENVINO = """
import openvino
model = openvino.Core().read_model({file!r})
metadata = json.loads(model.get_rt_info(['metadata.json']).astype(str))
network = openvino.compile_model(model, 'CPU', {{'INFERENCE_PRECISION_HINT': 'f32'}})
def run(inputs):
    return network({{metadata['input']: inputs}})[metadata['output']]
"""
ALONE_LITERT = """
import zipfile
from ai_edge_litert.interpreter import Interpreter
metadata = json.loads(zipfile.ZipFile({file!r}).read('metadata.json'))
network = Interpreter({file!r})
(given,), (result,) = network.get_input_details(), network.get_output_details()
network.allocate_tensors()
def one(image):
    network.set_tensor(given['index'], image[None])
    network.invoke()
    return network.get_tensor(result['index'])[0]
def run(inputs):
    return np.stack([one(image) for image in inputs])
"""
SHOW = """
print(json.dumps([metadata, *(run(inputs[:number]).tolist() for number in (1, 3))]))
"""
# By format: a program, and what it has to do without besides.
ALONE_WITH = dict(
    onnx=(ALONE_ONNX, {'torch'}),
    litert=(ALONE_LITERT, {'torch', 'litert_torch'}),
    openvino=(ALONE_OPENVINO, {'torch', 'onnx', 'onnxruntime'}),
    pt2=(ALONE_PT2, set()),
)
OPENMMLAB = {'mmdsnas', 'mmengine', 'mmcv', 'mmcls', 'mmrazor', 'cv2'}


@pytest.fixture(scope='module')
def exported(child, images, tmp_path_factory):
    """Exports once for each format and preprocessing."""
    folder, results = tmp_path_factory.mktemp('exported'), {}

    def result(format, with_preprocess):
        key = (format, with_preprocess)
        if key not in results:
            about = dict(classes=CLASSES, pipeline=PIPELINE)
            file = folder / f'child_{with_preprocess}{FORMATS[format].suffix}'
            results[key] = export_child(child, images, file, *key, **about)
        return results[key]

    return result


def rgb(images):
    """All images as a caller has them: uint8, RGB, N x H x W x 3."""
    pixels = torch.cat([batch for batch, _ in images]).numpy()
    return pixels[:, ::-1].transpose(0, 2, 3, 1)


def by_metadata(pixels, metadata):
    """Prepares images in RGB as a file asks for it."""
    if metadata['channel_order'] == 'BGR':
        pixels = pixels[..., ::-1]
    if metadata['mean'] is not None:
        pixels = (pixels - np.float32(metadata['mean'])) / np.float32(metadata['std'])
    if metadata['layout'] == 'NCHW':
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels, metadata['dtype'])


def by_pytorch(child, images):
    """Logits by mmcls's own way to test a batch."""
    data = dict(inputs=torch.cat([batch for batch, _ in images]))
    with torch.no_grad():
        inputs = child.data_preprocessor(data)['inputs']
        return copy.deepcopy(child).eval()(inputs).numpy()


@pytest.mark.slow
@pytest.mark.parametrize('format', INSTALLED)
@pytest.mark.parametrize('with_preprocess', [False, True])
def test_a_file_alone_computes_what_pytorch_does(
    format, with_preprocess, exported, child, images, run_python, tmp_path
):
    """By its metadata, in batches of 1 and 3, without OpenMMLab."""
    result = exported(format, with_preprocess)
    np.save(tmp_path / 'inputs.npy', by_metadata(rgb(images), result.metadata))
    code, more = ALONE_WITH[format]
    code = (ALONE + code + SHOW).format(
        blocked=OPENMMLAB | more,
        inputs=str(tmp_path / 'inputs.npy'),
        file=str(result.file),
    )
    metadata, *logits = json.loads(run_python(code).splitlines()[-1])
    wanted = by_pytorch(child, images)
    for number, some in zip((1, 3), logits, strict=True):
        np.testing.assert_allclose(some, wanted[:number], atol=1e-4, rtol=0)
    assert metadata == result.metadata
    assert metadata['classes'] == list(CLASSES) and metadata['subnet'] == SUBNET
    assert metadata['input_size'] == [32, 32] and metadata['output'] == 'logits'
    assert metadata['resize'] == [
        dict(type='ResizeEdge', scale=36, edge='short'),
        dict(type='CenterCrop', crop_size=32),
    ]
    comparison = result.comparison
    assert comparison.images == comparison.agreeing == 40
    assert 0 < comparison.largest < 1e-4
    accuracy = (wanted.argmax(1) == np.arange(40) % 5).mean()
    assert comparison.before == comparison.after == pytest.approx(accuracy)
    assert (result.folded, result.left) == (len(list(batch_norms(child))), 0)
    # Logits that a wrong mean, or BGR for RGB, would change.
    assert wanted.std(0).min() > 0.1


def test_the_child_stays_as_it_was(exported, child):
    exported('onnx', True)
    assert child.training and child.data_preprocessor.to_rgb
    assert all(parameter.requires_grad for parameter in child.parameters())


def test_what_an_onnx_file_holds(exported):
    result = exported('onnx', False)
    model = onnx.load(result.file)
    kinds = {node.op_type for node in model.graph.node}
    assert 'BatchNormalization' not in kinds and 'Conv' in kinds
    assert {node.domain for node in model.graph.node} == {''}
    shape = model.graph.input[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ['batch', 3, 32, 32]
    assert result.metadata['mean'] == list(MEAN)
    assert result.metadata['std'] == list(STD)
    # Nothing of the machine that exported it.
    content = result.file.read_bytes()
    assert b'.py' not in content and b'pkg.torch' not in content
    assert b'/mmcls/' not in exported('pt2', False).file.read_bytes()


class Classifier(BaseModel):
    """Gives what a function makes of images."""

    def __init__(self, function):
        super().__init__()
        self.linear, self.function = nn.Linear(3 * 32 * 32, 5), function

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.function(self.linear(inputs.flatten(1).float() / 255))


@pytest.mark.slow
@pytest.mark.parametrize('format', INSTALLED)
def test_too_large_a_difference_leaves_the_file_of_before(
    format, images, tmp_path, monkeypatch
):
    file = tmp_path / f'child{FORMATS[format].suffix}'
    file.write_text('before')
    right = FORMATS[format].runner

    def off_by(number):
        def runner(self, path):
            run = right(self, path)
            return lambda inputs: run(inputs) + number

        monkeypatch.setattr(FORMATS[format], 'runner', runner)

    off_by(0.01)
    with pytest.raises(ExportError, match='more than the .*e-20 that --tol'):
        plain = Classifier(lambda x: x)
        export_child(plain, images, file, format, tolerance=1e-20)
    # Of logits up to 1000 a part of 1e-4 is 0.1.
    many = Classifier(lambda x: 1000 + x)
    off_by(0.5)
    with pytest.raises(ExportError, match='more than the 0.1 that --tolerance allows'):
        export_child(many, images, file, format)
    off_by(0.05)
    result = export_child(many, images, tmp_path / f'few{file.suffix}', format)
    assert 1e-3 < result.comparison.largest < 0.1
    for written in FORMATS[format].files(result.file):
        written.unlink()
    nan = Classifier(lambda x: x * float('nan'))
    with pytest.raises(ExportError, match='by up to nan on 40 images'):
        export_child(nan, images, file, format)
    assert file.read_text() == 'before' and list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_exported_is_said(images, tmp_path):
    def refuses(error, match, function=lambda x: x, **kwargs):
        child, out = Classifier(function), tmp_path / 'child.onnx'
        with pytest.raises(error, match=match):
            export_child(child, images, out, **kwargs)
        assert not list(tmp_path.iterdir())

    refuses(
        ConfigError,
        "^--format must be onnx or litert or openvino or pt2, but is 'h5'",
        format='h5',
    )
    refuses(ConfigError, '^--tolerance must be above 0, but is nan', tolerance=np.nan)
    refuses(ConfigError, '^data_preprocessor must be a Cls.*Base', with_preprocess=True)
    refuses(ConfigError, '^the class names must be 5, .* are 2', classes=('a', 'b'))
    refuses(ConfigError, r'^model must be a classifier, .* \(1,\)', lambda x: x[:, 0])
    refuses(ExportError, '^torch.export cannot', lambda x: x if x.sum() > 0 else -x)
    refuses(ExportError, '^torch.onnx cannot', lambda x: x @ torch.linalg.pinv(x.T @ x))


@pytest.mark.slow
def test_an_export_without_images_of_one_size(child, tmp_path):
    samples = [dict(inputs=torch.zeros(3, edge, 32)) for edge in (32, 32, 33)]
    with pytest.raises(ConfigError, match='must give images of one size'):
        export_child(child, Images(samples), tmp_path / 'child.pt2', 'pt2')
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize('format', INSTALLED)
def test_names_of_candidates_are_no_code(format, child, images, tmp_path):
    """torch.export makes code of the names of modules."""
    child = copy.deepcopy(child)
    names = ('class', 'it\'s "3x3"', 'a/b\n{{ x }} %s {0}', '日本 語')
    for name, block in zip(names, blocks_of(child).values(), strict=True):
        chosen = block.candidate(block.export_chosen())
        # As a search that has these names leaves it.
        block._candidates, block._chosen = nn.ModuleDict({name: chosen}), name
    result = export_child(
        child, images, tmp_path / f'child{FORMATS[format].suffix}', format
    )
    assert result.metadata['subnet'] == dict(zip(SUBNET, names))
    assert [b.export_chosen() for b in blocks_of(child).values()] == list(names)
