from typing import NamedTuple


class Box(NamedTuple):
    """Part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def reduced(self, factor: int) -> 'Box':
        """The nearest part of the image whose edges are divided by a factor.

        An edge of this part that is ``n * factor`` pixels long gets n or more.
        """
        half = factor // 2
        top, left = (self.top + half) // factor, (self.left + half) // factor
        bottom = (self.top + self.height + half) // factor
        right = (self.left + self.width + half) // factor
        return Box(top, left, bottom - top, right - left)
