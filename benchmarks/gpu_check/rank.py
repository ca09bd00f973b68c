"""A rank of a short search, started by the step ``ranks``.

python -m benchmarks.gpu_check.rank BACKEND DEVICE FOLDER [--small]
"""

import json
import os
import sys
from pathlib import Path

from .searches import child_of, search
from .step import Context


def main() -> None:
    backend, device, folder, *small = sys.argv[1:]
    context = Context(device, bool(small), folder, folder)
    options = {'env_cfg.dist_cfg.backend': backend}
    epochs = 3 if small else 4
    runner, _ = search(context, 'work', epochs, launcher='pytorch', options=options)
    # It takes its place whole, as the other rank may fail.
    file = Path(folder) / f'child-{os.environ["RANK"]}.json'
    file.write_text(json.dumps(child_of(runner)))


if __name__ == '__main__':
    main()
