from .official_shufflenetv2 import OfficialShuffleNetV2

__all__ = ['OfficialShuffleNetV2']
