"""What the commands do, for Python: scripts and notebooks.

Example:
    >>> from mmdsnas.apis import predict, search
    >>> result = search('dsnas_supernet_1xb64_digits', work_dir='work_dirs/digits')
    >>> result.cost['mflops'], result.accuracy
    >>> predict(result.child, ['a.png', 'b.png'])
"""

from mmdsnas.deployment import ExportResult, export
from mmdsnas.visualization import report
from .children import Prediction, load_child, predict
from .searching import SearchResult, search
from .testing import test
from .training import train

__all__ = [
    'ExportResult',
    'Prediction',
    'SearchResult',
    'export',
    'load_child',
    'predict',
    'report',
    'search',
    'test',
    'train',
]
