from typing import Any, Dict, Optional, Sequence, Tuple

from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.data_sets import pipeline_of

# Transforms that set the size of an image, and their option.
SIZES = dict(Resize='scale', CenterCrop='crop_size', Pad='size')


def input_size(pipeline: Sequence[Dict[str, Any]]) -> Tuple[int, int]:
    """Height and width of the images that leave a pipeline.

    Args:
        pipeline (Sequence[dict]): Configs of the transforms.

    Returns:
        tuple[int, int]: What the last transform that sets a size sets.

    Raises:
        ConfigError: No transform does.
    """
    size: Optional[Any] = None
    for transform in pipeline:
        option = SIZES.get(type_name(transform))
        size = transform.get(option, size) if option else size
    width, height = (size, size) if isinstance(size, int) else (size or (0, 0))
    if min(width, height) < 1:
        raise ConfigError(
            'the test pipeline of the config has no '
            f'{", ".join(SIZES)} that tells the size of its images; give it by --shape.'
        )
    return height, width


def input_channels(config: Config) -> int:
    """Channels of the images that the network of a config gets.

    Those that the test pipeline loads, or ``resource_estimator.input_shape`` says; as
    many as ``mean`` has where the data preprocessor makes more of one.
    """
    model = config.model
    estimator = model.get('resource_estimator') or {}
    _, channels, *_ = estimator.get('input_shape', (1, 3, 224, 224))
    pipeline = pipeline_of(config.get('test_dataloader'))
    if any(str(step.get('color_type')).startswith('gray') for step in pipeline):
        channels = 1
    preprocessor = model.get('data_preprocessor', config.get('data_preprocessor'))
    return max(channels, len((preprocessor or {}).get('mean') or ()))
