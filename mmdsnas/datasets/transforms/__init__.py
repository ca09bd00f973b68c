"""Transforms that read images faster."""

from .load_resized import LoadRandomResizedCrop, LoadResizeEdge

__all__ = ['LoadRandomResizedCrop', 'LoadResizeEdge']
