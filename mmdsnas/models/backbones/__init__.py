from .efficientnet_lite import EfficientNetLite
from .elastic_blocks import elastic_blocks
from .official_shufflenetv2 import OfficialShuffleNetV2

__all__ = ['EfficientNetLite', 'OfficialShuffleNetV2', 'elastic_blocks']
