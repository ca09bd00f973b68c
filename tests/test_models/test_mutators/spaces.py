"""A search space whose groups differ in size."""

from tests.toy import Apply, ToyNet, block

# Groups of two, three, one and five candidates.
SIZES = (2, 3, 1, 5)
ALPHAS = dict(
    equal=([0, 0], [0, 0, 0], [0], [0] * 5),
    varied=([0.5, -0.5], [1, 0, -1], [2], [0.1, 0.2, 0.3, 0.4, 1.5]),
    steep=([0, 3], [-4, 0, 0.5], [-1], [0, 1, 2, 3, 4]),
    large=([900, 899], [-900, -901, -899], [500], [0, 0, 0, -80, 1]),
)


def mixed_net():
    """Blocks with different numbers of candidates."""
    return ToyNet(
        [
            block(**{f'c{k}': Apply(lambda x, k=k: x + k) for k in range(size)})
            for size in SIZES
        ]
    )
