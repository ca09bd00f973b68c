from typing import Any, Dict, Optional, Sequence, Tuple

from mmdsnas.errors import ConfigError

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
        option = SIZES.get(str(transform['type']).split('.')[-1])
        size = transform.get(option, size) if option else size
    width, height = (size, size) if isinstance(size, int) else (size or (0, 0))
    if min(width, height) < 1:
        raise ConfigError(
            'the test pipeline of the config has no '
            f'{", ".join(SIZES)} that tells the size of its images; give it by --shape.'
        )
    return height, width
