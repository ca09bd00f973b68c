"""Files of a child that run without OpenMMLab."""

from mmdsnas.datasets.packed_images import Images, Packer, find_images
from .comparison import Comparison
from .exporting import ExportResult, export, export_child
from .formats import FORMATS, ChildFormat
