"""Children that are loaded by Python, and what they say of images."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmcls.models import GlobalAveragePooling
from mmcls.structures import ClsDataSample
from mmengine.config import Config
from torch import nn

from mmdsnas import load_child, predict
from mmdsnas.errors import CheckpointError, ConfigError, DataError
from mmdsnas.registry import MODELS
from mmdsnas.subnets import child_config, ending
from tests.test_deployment.conftest import MEAN, STD, SUBNET
from tests.toy import small_shufflenet

CLASSES = ('ant', 'bee', 'cat', 'dog', 'elk')
PREPROCESSOR = dict(type='mmcls.ClsDataPreprocessor', mean=MEAN, std=STD, to_rgb=True)
LOADS = dict(type='LoadImageFromFile')
CROPS = [dict(type='mmcls.CenterCrop', crop_size=32), dict(type='mmcls.PackClsInputs')]
# A pipeline for files, one for images in memory, and one that loads them small.
EDGE = dict(scale=32, edge='short')
PIPELINES = dict(
    files=[LOADS, dict(type='mmcls.ResizeEdge', **EDGE), *CROPS],
    memory=[dict(type='mmcls.ResizeEdge', **EDGE), *CROPS],
    small=[dict(type='mmdsnas.LoadResizeEdge', scale=32), *CROPS],
)


def config_of(pipeline='files', **model):
    return Config(
        dict(
            model=dict(type='DSNAS', architecture=small_shufflenet(), **model),
            data_preprocessor=PREPROCESSOR,
            test_dataloader=dict(dataset=dict(pipeline=PIPELINES[pipeline])),
        )
    )


@pytest.fixture
def saved(child, tmp_path):
    """Writes a child's file; what is given replaces parts of its ``meta``."""

    def save(pipeline='files', **meta):
        path = tmp_path / 'subnet.pth'
        recorded = child_config(config_of(pipeline))
        known = dict(dataset_meta=dict(classes=CLASSES), child_config=recorded)
        meta = dict(subnet=SUBNET, **{**known, **meta})
        torch.save(dict(state_dict=child.state_dict(), meta=meta), path)
        return path

    return save


def scores_by_hand(child, image):
    """Of an RGB image of 32 x 32, as floats."""
    inputs = (torch.tensor(image).double() - torch.tensor(MEAN)) / torch.tensor(STD)
    inputs = inputs.permute(2, 0, 1)[None].float()
    with torch.no_grad():
        return copy.deepcopy(child).eval()(inputs).softmax(1)[0].numpy()


def test_a_file_is_all_that_a_child_needs(saved, child):
    path = saved()
    for loaded in (load_child(path), load_child(path.parent), load_child(str(path))):
        assert not loaded.training and loaded.dataset_meta['classes'] == list(CLASSES)
        assert loaded.state_dict().keys() == child.state_dict().keys()
        x = torch.rand(2, 3, 32, 32)
        wanted = copy.deepcopy(child).eval()(x)
        assert torch.equal(loaded(x), wanted)


@pytest.mark.parametrize('pipeline', PIPELINES)
def test_predictions_by_hand(pipeline, saved, child, tmp_path):
    """Files and arrays, red where they are red."""
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(5, 32, 32, 3), dtype=np.uint8)
    images[0] = (255, 0, 0)
    loaded = load_child(saved(pipeline)).train()
    found = predict(loaded, images, batch_size=2)
    assert loaded.training
    for k, (image, prediction) in enumerate(zip(images, found, strict=True)):
        wanted = scores_by_hand(child, image)
        assert np.allclose(prediction.scores, wanted, atol=1e-5)
        assert prediction.label == wanted.argmax()
        assert prediction.name == CLASSES[prediction.label]
        assert prediction.score == pytest.approx(wanted.max(), abs=1e-5)
        path = tmp_path / f'{k}.png'
        cv2.imwrite(str(path), image[..., ::-1])
        (of_file,) = predict(loaded, path)
        assert np.allclose(of_file.scores, wanted, atol=1e-5)


@pytest.mark.parametrize('pipeline', PIPELINES)
def test_larger_and_grey_images(pipeline, saved, tmp_path):
    """Are resized, whether they are in memory or in a file; grey is R = G = B."""
    loaded = load_child(saved(pipeline))
    image = np.random.default_rng(1).integers(256, size=(70, 50), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    same = [image, np.dstack([image] * 3), str(tmp_path / 'a.png')]
    first, *others = predict(loaded, same)
    for other in others:
        assert np.allclose(first.scores, other.scores, atol=1e-6)
    (batch,) = predict(loaded, image[None])
    assert np.allclose(batch.scores, first.scores, atol=1e-6)


class Several(nn.Module):
    """What a head for several labels an image says."""

    def __init__(self, labels):
        super().__init__()
        self.labels = torch.tensor(labels, dtype=torch.long)
        self.cfg = config_of()
        self.dataset_meta = dict(classes=CLASSES)

    def test_step(self, batch):
        scores = torch.tensor([0.9, 0.2, 0.6, 0.1, 0.3])
        sample = ClsDataSample().set_pred_score(scores).set_pred_label(self.labels)
        return [sample] * len(batch['inputs'])


@pytest.mark.parametrize('labels', [[], [0, 2]])
def test_several_labels_of_an_image(labels):
    child, image = Several(labels), np.zeros((32, 32), np.uint8)
    (found,) = predict(child, image)
    assert (found.label, found.name, found.labels) == (0, 'ant', labels)
    assert found.score == pytest.approx(0.9)
    child.dataset_meta = dict(classes=())
    assert predict(child, image)[0].name == ''
    child.test_step = lambda batch: [object()]
    with pytest.raises(ConfigError, match='child must be a classifier.*a object'):
        predict(child, image)


@pytest.mark.parametrize(
    'image, message',
    [
        ('nowhere.png', 'image "nowhere.png" must be a file'),
        (np.zeros((4, 4, 4), np.uint8)[None], 'an array of uint8 of shape .4, 4, 4.'),
        (np.zeros((4, 4, 3)), 'an array of float64 of shape .4, 4, 3.'),
        (np.zeros((0, 4), np.uint8), 'of shape .0, 4.'),
        (np.zeros(4, np.uint8), 'of shape .4,.'),
    ],
)
def test_what_is_no_image(image, message, saved):
    with pytest.raises(DataError, match=message):
        predict(load_child(saved()), image)


def test_wrong_arguments(saved, child):
    with pytest.raises(ConfigError, match='batch_size must be at least 1, but is 0'):
        predict(load_child(saved()), [], batch_size=0)
    with pytest.raises(ConfigError, match='must come from load_child or search'):
        predict(copy.deepcopy(child), [])
    assert predict(load_child(saved()), []) == []
    with pytest.raises(ConfigError, match='the options model.channels_last need a con'):
        load_child(saved(), **{'model.channels_last': True})


def test_a_file_without_a_config(saved, child, tmp_path):
    path = saved(child_config=None)
    with pytest.raises(CheckpointError, match='subnet.pth does not say how .* as conf'):
        load_child(path)
    config = config_of()
    config.test_dataloader.dataset.type = 'Digits'
    loaded = load_child(path, config)
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded(x), copy.deepcopy(child).eval()(x))


def changed(**changes):
    recorded = child_config(config_of())
    for name, value in changes.items():
        *places, last = name.split('__')
        part = recorded
        for place in places:
            part = part[place]
        part[last] = value
    return recorded


MMRAZORS = dict(
    type='mmrazor.sub_model', cfg=small_shufflenet(), fix_subnet='evil.yaml'
)
OURS = dict(MMRAZORS, type='sub_model')
HUB = dict(type='HuggingFaceClassifier', model_name='x')
WEIGHTS = dict(type='Pretrained', checkpoint='evil.yaml')
PRETRAINED = dict(WEIGHTS, type='mmengine.Pretrained')
BACKEND = dict(type='LoadImageFromFile', backend_args=dict(backend='memcached'))
TIMM = dict(type='TIMMBackbone', model_name='x', checkpoint_path='evil.yaml')


@pytest.mark.parametrize(
    'changes',
    [
        # mmengine imports, and calls, whatever a path leads to.
        dict(model__cfg__backbone__type='os.system'),
        dict(model__cfg__head__type='mmcls.apis.x.Y'),
        dict(model__cfg__head__type='os.GlobalAveragePooling'),
        dict(model__cfg__head__type=None),
        dict(test_dataloader__dataset__pipeline=[dict(type='os.system')]),
        dict(default_scope='antigravity'),
        dict(model__cfg___scope_='antigravity'),
        dict(model__cfg=3),
        # Classes that are registered, and parts of a config, open files as they please.
        dict(model=MMRAZORS),
        dict(model__type='mmrazor.sub_model'),
        dict(model__fix_subnet='evil.yaml'),
        dict(model__init_cfg=WEIGHTS),
        dict(model__cfg=MMRAZORS),
        dict(model__cfg=OURS),
        dict(model__cfg__backbone=MMRAZORS),
        dict(model__cfg__backbone=TIMM),
        dict(model__cfg__backbone__init_cfg=WEIGHTS),
        dict(
            model__cfg__backbone__init_cfg=[dict(WEIGHTS, type='mmengine.Pretrained')]
        ),
        dict(model__cfg__neck=dict(cfg_path='mmcls::x.py')),
        dict(model__cfg__pretrained='evil.yaml'),
        dict(model__cfg=HUB),
        dict(model__cfg=dict(HUB, type='mmdsnas.HuggingFaceClassifier')),
        dict(model__cfg=dict(type='SingleTeacherDistill', teacher_ckpt='evil.yaml')),
        dict(data_preprocessor=OURS),
        dict(test_dataloader__dataset__pipeline=[BACKEND]),
        dict(test_dataloader__dataset__type='evilmod.X'),
        dict(runner_type='evilmod.X'),
        dict(optim_wrapper=dict(constructor='evilmod.X')),
        dict(custom_hooks=[dict(type='EMAHook', ema_type='evilmod.X')]),
        dict(custom_imports=dict(imports=['evilmod'])),
    ],
)
def test_a_file_runs_no_code(changes, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = f'!!python/object/apply:os.mkdir [{tmp_path / "ran"}]'
    (tmp_path / 'evil.yaml').write_text(evil)
    with pytest.raises(CheckpointError, match='a checkpoint records must'):
        load_child(saved(child_config=changed(**changes)))
    assert not (tmp_path / 'ran').exists()


def test_trust_lets_a_file_name_classes_not_other_parts(saved):
    file = saved(child_config=changed(model__cfg__backbone__init_cfg=WEIGHTS))
    assert load_child(file, trust_checkpoint=True).backbone.init_cfg == WEIGHTS
    file = saved(child_config=changed(runner_type='x.X'))
    with pytest.raises(CheckpointError, match='a checkpoint records must'):
        load_child(file, trust_checkpoint=True)


@MODELS.register_module()
class RegisteredByTheCaller(GlobalAveragePooling):
    """A part of a network that whoever loads the file has imported."""


def test_a_file_may_name_what_the_caller_has_registered(saved):
    name = RegisteredByTheCaller.__name__
    for prefix in ('', 'mmdsnas.'):
        recorded = changed(model__cfg__neck__type=prefix + name)
        loaded = load_child(saved(child_config=recorded))
        assert type(loaded.neck) is RegisteredByTheCaller


def test_an_unknown_class_is_to_be_imported_first(saved):
    recorded = changed(model__cfg__backbone__type='MyBackbone')
    with pytest.raises(CheckpointError, match="'MyBackbone'.*import what registers it"):
        load_child(saved(child_config=recorded))


class Unregistered(GlobalAveragePooling):
    """A part of a network that no registry has."""


def test_a_trusted_file_may_name_what_is_not_registered(saved, child):
    path = f'{__name__}.Unregistered'
    file = saved(child_config=changed(model__cfg__neck__type=path))
    with pytest.raises(CheckpointError, match=f"has '{path}'"):
        load_child(file)
    loaded = load_child(file, trust_checkpoint=True)
    assert type(loaded.neck) is Unregistered
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(loaded(x), copy.deepcopy(child).eval()(x))


@pytest.mark.parametrize('epoch', [2, 3])
def test_child_of_a_search_that_is_not_finished(saved, monkeypatch, epoch):
    """It is loaded, and the log says how far the search came."""
    told = []
    monkeypatch.setattr(ending, 'print_log', lambda text, *_: told.append(text))
    plan = dict(max_epochs=3, pretrain_epochs=1, finetune_epochs=2, selects=False)
    path = saved(epoch=epoch, plan=plan)
    load_child(path)
    assert len(told) == (epoch < 3)
    assert all(str(path) in text and '2 of 3' in text for text in told)
