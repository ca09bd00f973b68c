from .official_blocks import OfficialShuffleBlock, OfficialShuffleXception

__all__ = ['OfficialShuffleBlock', 'OfficialShuffleXception']
