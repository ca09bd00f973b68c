"""The authors' network; its numbers are compared in tests/test_reference."""

import re

import pytest
import torch
import torch.nn as nn
from mmengine.registry import init_default_scope

from mmdsnas.errors import ConfigError
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import (
    BiasFreeClsHead,
    OfficialShuffleBlock,
    OfficialShuffleNetV2,
    OfficialShuffleXception,
    SmoothCrossEntropy,
)
from mmdsnas.registry import MODELS
from mmdsnas.subnets import sub_model

BLOCKS = [
    pytest.param(OfficialShuffleBlock, dict(kernel_size=k), id=f'{k}x{k}')
    for k in (3, 5, 7)
] + [pytest.param(OfficialShuffleXception, {}, id='xception')]
DESIGNS = ('official', 'openmmlab')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmdsnas')


@pytest.mark.parametrize('block, options', BLOCKS)
def test_stride_1_passes_even_channels_by(block, options):
    op = block(8, 8, stride=1, **options)
    x = torch.randn(2, 8, 6, 6)
    y = op(x)
    assert torch.equal(y[:, :4], x[:, 0::2])
    assert torch.equal(y[:, 4:], op.branch_main(x[:, 1::2]))


@pytest.mark.parametrize('block, options', BLOCKS)
def test_stride_2_keeps_the_width_of_the_input_in_the_second_branch(block, options):
    op = block(4, 12, stride=2, **options)
    y = op(torch.randn(2, 4, 7, 7))
    assert y.shape == (2, 12, 4, 4)
    convs = [m for m in op.branch_proj if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [4, 4]
    assert op.branch_main[-3].out_channels == 12 - 4


@pytest.mark.parametrize('block, options', BLOCKS)
def test_other_strides_and_widths_are_refused(block, options):
    wrong = f'stride of {block.__name__} must be 1 or 2, but is 3'
    with pytest.raises(ConfigError, match=wrong):
        block(8, 16, stride=3, **options)
    for stride, width in ((1, 10), (2, 8)):
        with pytest.raises(ConfigError, match=f'got stride {stride}, 8 input'):
            block(8, width, stride=stride, **options)


def test_eps_reaches_every_norm_and_is_the_search_s_by_default():
    for norm_cfg, eps in ((None, 0.01), (dict(type='BN', eps=1e-5), 1e-5)):
        backbone = OfficialShuffleNetV2(stages=((32, 2), (48, 1)), norm_cfg=norm_cfg)
        norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(norms) > 50
        assert {norm.eps for norm in norms} == {eps}


def test_own_candidates():
    backbone = OfficialShuffleNetV2(
        stages=((32, 1),),
        candidates=dict(small=dict(type='mmdsnas.OfficialShuffleXception')),
    )
    assert backbone.layers[0][0].choices == ['small']


def test_head_without_bias_drops_in_training_alone():
    loss = dict(type='SmoothCrossEntropy')
    head = BiasFreeClsHead(3, 64, dropout=0.5, loss=loss)
    assert [name for name, _ in head.named_parameters()] == ['fc.weight']
    feature = torch.ones(2, 64)
    assert (head.pre_logits((feature,)) == 0).any()
    head.eval()
    assert torch.equal(head.pre_logits((feature,)), feature)


def test_smooth_cross_entropy_by_its_formula():
    """The label gets 0.9 + 0.1 / K, every other class 0.1 / K."""
    scores = torch.randn(5, 4, dtype=torch.float64)
    labels = torch.tensor([0, 3, 1, 1, 2])
    target = torch.full((5, 4), 0.1 / 4, dtype=torch.float64)
    target[range(5), labels] += 0.9
    sums = -(target * scores.log_softmax(1)).sum(1)
    loss = SmoothCrossEntropy(label_smooth_val=0.1, loss_weight=2.0)
    assert loss(scores, labels) == pytest.approx(2 * float(sums.mean()), rel=1e-14)
    assert loss(scores, labels, avg_factor=10) == pytest.approx(
        2 * float(sums.sum()) / 10, rel=1e-14
    )


@pytest.mark.slow
@pytest.mark.parametrize('design', DESIGNS)
@pytest.mark.parametrize(
    'config',
    [
        'dsnas_supernet_8xb128_in1k',
        'dsnas_subnet_8xb128_in1k',
        'dsnas_official-supernet_8xb128_in1k',
        'dsnas_official-retrain240_8xb128_in1k',
    ],
)
def test_every_config_takes_either_design(tmp_path, config, design):
    """By replacing one file among its bases."""
    own = tmp_path / f'{config}.py'
    path = load_config(config).filename
    source = open(path).read()
    for other in DESIGNS:
        source = source.replace(f'shufflenetv2_{other}_', f'shufflenetv2_{design}_')
    folder = path.rpartition('/')[0]
    source = source.replace("'./_base_", f"'{folder}/_base_")
    source = source.replace('{{ fileDirname }}', folder)
    # OpenMMLab's backbone has no option for all its norms, its head no dropout.
    source = re.sub(r'cfg=dict\(backbone=.*\),\n', '', source)
    own.write_text(source)
    model = MODELS.build(load_config(own).model)
    network = getattr(model, 'architecture', model)
    is_official = isinstance(network.backbone, OfficialShuffleNetV2)
    assert is_official == (design == 'official')


@pytest.mark.parametrize('design', DESIGNS)
@pytest.mark.parametrize(
    'subnet', ['dsnas_official', 'dsnas_openmmlab', 'spos_official']
)
def test_shipped_subnets_fit_both_designs(design, subnet):
    base = f'_base_/models/shufflenetv2_{design}_supernet'
    child = sub_model(load_config(base).supernet, subnet)
    assert child.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 1000)


def test_published_architectures():
    """Candidate indices as the authors publish them, MMRazor's by block."""
    candidates = ['shuffle_3x3', 'shuffle_5x5', 'shuffle_7x7', 'shuffle_xception']
    published = dict(
        dsnas_official='00303200332333200330',
        spos_official='01221121330303002221',
        dsnas_openmmlab='02010002300101223020',
    )
    for name, digits in published.items():
        child = load_config('_base_/models/shufflenetv2_official_supernet').supernet
        model = sub_model(child, name)
        chosen = [
            candidates.index(block.export_chosen())
            for layer in list(model.backbone.layers)[:4]
            for block in layer
        ]
        assert ''.join(map(str, chosen)) == digits, name
