"""Children of a pretrained network beside what one would do instead, on photos."""
