"""Data sets that need no annotation file, for quick searches and own images."""

from .class_folders import find_classes
from .digits import Digits
from .fashion_mnist import FashionMNIST
from .image_folder import ImageFolder

__all__ = ['Digits', 'FashionMNIST', 'ImageFolder', 'find_classes']
