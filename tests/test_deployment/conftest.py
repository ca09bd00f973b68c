"""A child with BatchNorm statistics that matter, and images for it."""

from importlib.util import find_spec

import pytest
import torch
from mmcls.structures import ClsDataSample

from mmdsnas.deployment import FORMATS, Images
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.subnets import sub_model
from tests.toy import small_shufflenet

SUBNET = {
    'backbone.layers.0.0': 'shuffle_3x3',
    'backbone.layers.0.1': 'shuffle_xception',
    'backbone.layers.1.0': 'shuffle_7x7',
    'backbone.layers.1.1': 'shuffle_5x5',
}
# By name; those whose packages make test does not install are left out where they lack.
INSTALLED = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            not all(map(find_spec, kind.packages)), reason='its extra is not installed'
        ),
    )
    for name, kind in FORMATS.items()
]
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.fixture(scope='session')
def images():
    """40 images of coloured squares, and labels."""
    generator = torch.Generator().manual_seed(2)
    squares = torch.randint(256, (40, 3, 4, 4), generator=generator, dtype=torch.uint8)
    pixels = squares.repeat_interleave(8, 2).repeat_interleave(8, 3)
    return Images(
        [
            dict(inputs=image, data_samples=ClsDataSample().set_gt_label(number % 5))
            for number, image in enumerate(pixels)
        ]
    )


@pytest.fixture(scope='session')
def child(images):
    """Of the small ShuffleNetV2, whose images become RGB; in train mode."""
    torch.manual_seed(0)
    preprocessor = dict(
        type='mmcls.ClsDataPreprocessor', mean=MEAN, std=STD, to_rgb=True
    )
    model = sub_model({**small_shufflenet(), 'data_preprocessor': preprocessor}, SUBNET)
    for layer in batch_norms(model):
        layer.momentum = None  # the mean over all batches
        layer.weight.data.uniform_(0.5, 1.5)
        layer.bias.data.uniform_(-0.5, 0.5)
    torch.nn.init.normal_(model.head.fc.weight, std=0.1)
    pixels = torch.cat([batch for batch, _ in images])
    with torch.no_grad():
        model(model.data_preprocessor(dict(inputs=pixels))['inputs'])
    return model
