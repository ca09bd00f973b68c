"""Data sets: for quick searches, for own images, and ImageNet."""

from .batch_samplers import AlternatingBatchSampler, NoSingleImageBatchSampler
from .class_folders import find_classes
from .digits import Digits
from .fashion_mnist import FashionMNIST
from .folder_contents import FolderContents, scan_folder
from .image_folder import ImageFolder
from .imagenet import ImageNet
from .kept_images import LoadKeptImage
from .load_resized import LoadRandomResizedCrop, LoadResizeEdge
