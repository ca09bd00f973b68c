"""Files of a child that run without OpenMMLab."""

from mmdsnas.datasets.packed_images import FolderImages, Images, Packer, find_images
from mmdsnas.subnets import build_child
from .comparison import Comparison
from .exporting import ExportResult, add_int8, export, export_child

__all__ = [
    'Comparison',
    'ExportResult',
    'FolderImages',
    'Images',
    'Packer',
    'add_int8',
    'build_child',
    'export',
    'export_child',
    'find_images',
]
