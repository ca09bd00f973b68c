"""The script that comes along with an exported file."""

import copy
import os
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcls.models import ImageClassifier
from mmengine.dataset import pseudo_collate
from torch import nn

from mmdsnas.datasets.class_folders import list_images
from mmdsnas.deployment import FORMATS, Images, Packer, export_child
from mmdsnas.deployment.description import input_sentence, size_steps
from mmdsnas.registry import MODELS
from tests.jpegs import damage, jpeg
from tests.pictures import huge_png
from tests.test_deployment.conftest import INSTALLED

TOOL = Path(__file__).parents[2] / 'tools' / 'deployment' / 'classify.py'
# The last bytes are no text.
CLASSES = ('a\nb', "b'e,e", 'c{0}%s', 'élan', os.fsdecode(b'd\xff'))
PRINTED = ('a\\nb', *CLASSES[1:-1], 'd\\udcff')
BGR = dict(channel_order='BGR', mean=None, layout='NCHW', dtype='uint8')
BGR.update(input_size=[32, 32])
PACK = dict(type='mmcls.PackClsInputs')
LOAD = dict(type='LoadImageFromFile')
CROP = dict(type='mmcls.CenterCrop', crop_size=32)
EDGE = dict(type='mmcls.ResizeEdge', scale=37, edge='short')
LONG = dict(EDGE, scale=81, edge='long', interpolation='bicubic')
PIPELINES = dict(
    edge=[LOAD, EDGE, CROP, PACK],
    long=[LOAD, LONG, dict(type='CenterCrop', crop_size=(32, 32)), PACK],
    small=[dict(type='mmdsnas.LoadResizeEdge', scale=37), CROP, PACK],
    pillow=[LOAD, dict(EDGE, backend='pillow'), CROP, PACK],
    scale=[LOAD, dict(type='Resize', scale=(32, 32)), PACK],
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Images of several shapes, one grey."""
    folder = tmp_path_factory.mktemp('images')
    generator = np.random.default_rng(0)
    for k, shape in enumerate([(32, 32, 3), (70, 50, 3), (41, 97, 3), (64, 64)]):
        image = generator.integers(256, size=shape, dtype=np.uint8)
        image = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f'{k}.png'), image)
    return folder


def packed(folder, pipeline):
    """The images of a folder, and their files."""
    paths = list_images(folder)
    return Images(paths, pack=Packer(pipeline)), paths


def run(*args):
    """Where nothing of OpenMMLab or mmdsnas can be imported."""
    blocked = "sys.modules.update(dict.fromkeys(['mmdsnas', 'mmengine', 'mmcv']))"
    code = f'import runpy, sys; {blocked}; sys.argv[:] = sys.argv[1:]; '
    code += 'runpy.run_path(sys.argv[0], run_name="__main__")'
    return subprocess.run(
        [sys.executable, '-c', code, *map(str, (TOOL, *args))],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'},
    )


@pytest.mark.parametrize('name', PIPELINES)
def test_images_are_those_of_the_pipeline(name, folder):
    script = runpy.run_path(str(TOOL))
    resize = [{**s, 'type': s['type'].split('.')[-1]} for s in PIPELINES[name]]
    resize = [s for s in resize if 'Resize' in s['type'] or s['type'] == 'CenterCrop']
    about = dict(resize=resize, **BGR)
    pack = Packer(PIPELINES[name])
    for path in sorted(folder.iterdir()):
        image = script['load_image'](str(path), about)
        wanted = pack(path)['inputs'].numpy()
        assert np.array_equal(image[0], wanted), path.name


@pytest.mark.parametrize('options', [{}, dict(short_edge=64), dict(short_edge=None)])
@pytest.mark.parametrize('grey', [False, True])
def test_large_jpegs_are_those_of_the_pipeline(options, grey, folder, tmp_path):
    """Where it decodes them no larger than needed."""
    image = cv2.imread(str(folder / '1.png'))
    image = cv2.resize(image, (600, 520), interpolation=cv2.INTER_CUBIC)
    script = runpy.run_path(str(TOOL))
    first = dict(type='mmdsnas.LoadKeptImage', memory=0, **options)
    first.update(color_type='grayscale') if grey else None
    pipeline = [first, EDGE, CROP, PACK]
    about = dict(BGR, resize=size_steps(pipeline))
    about.update(channel_order='GREY') if grey else None
    for name in ('a.jpg', 'a.png'):
        path = tmp_path / name
        cv2.imwrite(str(path), image)
        wanted = Packer(pipeline)(path)['inputs'].numpy()
        assert np.array_equal(script['load_image'](str(path), about)[0], wanted), name


def test_all_that_changes_a_size_is_described():
    kept = dict(type='mmdsnas.LoadKeptImage', memory=7)
    assert size_steps([kept, EDGE, CROP, PACK]) == [
        dict(type='LoadKeptImage', short_edge=256),
        dict(EDGE, type='ResizeEdge'),
        dict(CROP, type='CenterCrop'),
    ]


@pytest.mark.slow
@pytest.mark.parametrize('format', INSTALLED)
@pytest.mark.parametrize('with_preprocess', [False, True])
def test_predictions_are_those_of_the_child(
    format, with_preprocess, child, folder, tmp_path
):
    out = tmp_path / f'child{FORMATS[format].suffix}'
    images, paths = packed(folder, PIPELINES['edge'])
    about = dict(classes=CLASSES, pipeline=PIPELINES['edge'])
    export_child(child, images, out, format, with_preprocess, **about)
    child = copy.deepcopy(child).eval()
    cut = tmp_path / 'cut.jpg'
    damage(jpeg(cut, size=(64, 64)), 'truncated')
    done = run(out, cut, *paths)
    assert done.returncode == 0, done.stderr
    assert f'left out, cannot be decoded: {cut}' in done.stderr.splitlines()
    lines = done.stdout.splitlines()
    for path, line in zip(paths, lines, strict=True):
        batch = dict(inputs=images.pack(path)['inputs'][None])
        scores = child(child.data_preprocessor(batch)['inputs']).softmax(1)[0]
        best = int(scores.argmax())
        assert line == f'{path}: {PRINTED[best]} ({scores[best]:.3f})'


def test_names_are_printed_on_one_line():
    printable = runpy.run_path(str(TOOL))['printable']
    assert tuple(map(printable, CLASSES)) == PRINTED


def test_what_it_cannot_do_is_said(folder):
    script = runpy.run_path(str(TOOL))
    image = np.zeros((4, 4, 3), np.uint8)
    for step in (dict(type='Pad', size=8), dict(type='Resize', scale_factor=2.0)):
        with pytest.raises(SystemExit, match='cannot do the step'):
            script['resized'](image, step)
    for path in ('nowhere.onnx', str(folder / '0.png')):
        with pytest.raises(SystemExit, match='must be a file that ends in .onnx or'):
            script['load_network'](path)
    about = dict(resize=[], input_size=[32, 32])
    with pytest.raises(SystemExit, match='nowhere.png" cannot be read: No such file'):
        script['load_image']('nowhere.png', about)
    with pytest.raises(SystemExit, match='but the network takes .32, 32.'):
        script['load_image'](str(folder / '1.png'), about)


@pytest.mark.parametrize(
    'content', [b'', b'<html>not found</html>', huge_png()], ids=['', 'html', 'huge']
)
def test_what_cannot_be_decoded_is_left_out(content, tmp_path):
    (tmp_path / 'x.png').write_bytes(content)
    load = runpy.run_path(str(TOOL))['load_image']
    assert load(str(tmp_path / 'x.png'), dict(resize=[], input_size=[8, 8])) is None


GREY = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='Resize', scale=[8, 8]),
    PACK,
]


def classifier(channels, head):
    """A linear network, whose images have some channels."""
    torch.manual_seed(0)
    steps = dict(mean=[100.0] * channels, std=[50.0] * channels, to_rgb=channels == 3)
    return ImageClassifier(
        backbone=dict(type='mmdsnas.Flat', channels=channels),
        head=dict(type=f'mmcls.{head}', in_channels=4, num_classes=5),
        data_preprocessor=dict(type='mmcls.ClsDataPreprocessor', **steps),
    ).eval()


@MODELS.register_module(force=True)
class Flat(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.linear = nn.Linear(channels * 64, 4)

    def forward(self, x):
        return (self.linear(x.flatten(1)),)


@pytest.mark.parametrize('with_preprocess', [False, True])
def test_a_network_of_one_channel(with_preprocess, folder, tmp_path):
    """Its file takes and gets grey images."""
    child, out = classifier(1, 'LinearClsHead'), tmp_path / 'child.pt2'
    images, paths = packed(folder, GREY)
    result = export_child(child, images, out, 'pt2', with_preprocess, pipeline=GREY)
    about = result.metadata
    assert (about['channels'], about['channel_order']) == (1, 'GREY')
    size = '8 x 8 x 1' if with_preprocess else '1 x 8 x 8'
    assert f'images in GREY, N x {size}' in input_sentence(about)
    script = runpy.run_path(str(TOOL))
    network, _ = script['load_network'](str(out))
    for path in paths:
        batch = child.data_preprocessor(dict(inputs=images.pack(path)['inputs'][None]))
        logits = network(script['load_image'](path, about))
        assert np.allclose(logits, child(batch['inputs']).detach(), atol=1e-4)


@pytest.mark.parametrize('options', [{}, dict(thr=0.4), dict(topk=2)])
def test_a_network_of_several_labels(options, folder, tmp_path):
    """Labels are those of the child's own head."""
    child, out = classifier(3, 'MultiLabelLinearClsHead'), tmp_path / 'child.pt2'
    child.head.thr, child.head.topk = options.get('thr'), options.get('topk')
    if not options:
        child.head.thr = 0.5
    pipeline = [LOAD, *GREY[1:]]
    images, paths = packed(folder, pipeline)
    result = export_child(child, images, out, 'pt2', pipeline=pipeline)
    script = runpy.run_path(str(TOOL))
    network, about = script['load_network'](str(out))
    assert about == result.metadata
    for path in paths:
        (logits,) = network(script['load_image'](path, about))
        found = dict(script['labels'](logits, about['several_labels']))
        with torch.no_grad():
            (sample,) = child.test_step(pseudo_collate([images.pack(path)]))
        label = sample.pred_label
        assert sorted(found) == sorted(label.label.tolist())
        for i, score in found.items():
            assert score == pytest.approx(label.score[i].item(), abs=1e-4)
        assert list(found.values()) == sorted(found.values(), reverse=True)
