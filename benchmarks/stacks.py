"""Runs `make test` on every stack of packages, each in an environment of its own.

Environments are made from nothing where there are none, a few minutes each; the tests
take five. What passed with the same sources and requirements is not run again. Results
go to benchmarks/results/stacks.json, and the table to docs/en/compatibility.md.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from mmdsnas.versions import TESTED
from .output import DOCS, RESULTS, table, write_json, write_tables

ROOT = Path(__file__).parents[1]
FILE, PAGE = RESULTS / 'stacks.json', DOCS / 'compatibility.md'
# Of requirements/runtime.txt.
DEFAULT = 'default'
STACKS = [DEFAULT, *sorted(p.stem for p in (ROOT / 'requirements/stacks').glob('*'))]
SOURCES = 'mmdsnas', 'tests', 'configs', 'requirements', 'setup.py', 'Makefile'


def run(stack: str) -> dict[str, Any]:
    """The versions of a stack, and what `make test` said there."""
    given = [] if stack == DEFAULT else [f'STACK={stack}']
    command = ['make', '-C', str(ROOT), 'test', *given]
    # Variables of the make that called this are none of that one.
    own = {n: v for n, v in os.environ.items() if n not in ('MAKEFLAGS', 'MFLAGS')}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=own
    )
    last = ''
    for line in process.stdout:
        print(line, end='', flush=True)
        if re.search(r'\d+ (passed|failed).* in ', line):
            last = line.strip('= \n')
    python = ROOT / ('.venv' if stack == DEFAULT else f'.venv-{stack}') / 'bin/python'
    return dict(
        of=digest(),
        passed=process.wait() == 0,
        versions=versions(python),
        tests=re.sub(r', \d+ warnings?| in .*', '', last),
    )


def versions(python: Path) -> dict[str, str]:
    """What an environment has of the tested packages, by distribution."""
    command = [python, '-m', 'pip', 'list', '--format', 'json']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    have = {of['name']: of['version'] for of in json.loads(done.stdout)}
    return {d: have[d] for own in TESTED.values() for d in own if d in have}


def digest() -> str:
    """Another one for other sources."""
    command = ['git', '-C', str(ROOT), 'ls-files', '-z', *SOURCES]
    files = subprocess.run(command, capture_output=True, check=True).stdout
    found = hashlib.sha256()
    for name in sorted(files.decode().split('\0')[:-1]):
        found.update(name.encode() + (ROOT / name).read_bytes())
    return found.hexdigest()[:16]


def row(stack: str, result: dict[str, Any]) -> list[str]:
    """A line of the table."""
    have, cells = result['versions'], []
    for own in TESTED.values():
        found = [f'{d} {have[d].split("+")[0]}' for d in own if d in have]
        cells.append(', '.join(found))
    command = 'make test' if stack == DEFAULT else f'make test STACK={stack}'
    return [f'`{command}`', *cells, result['tests'] or 'not run to their end']


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--stacks', nargs='+', choices=STACKS, default=STACKS, help='(%(default)s)'
    )
    args = parser.parse_args()
    done = json.loads(FILE.read_text()) if FILE.exists() else {}
    for stack in args.stacks:
        known = done.get(stack)
        if known is None or not known['passed'] or known['of'] != digest():
            done[stack] = run(stack)
            write_json(FILE, done)
    rows = [row(stack, done[stack]) for stack in STACKS if stack in done]
    tables = dict(stacks=table(['command', *TESTED, 'tests'], rows))
    write_tables(PAGE, tables)
    print(*tables.values())
    if failed := [stack for stack in args.stacks if not done[stack]['passed']]:
        sys.exit(f'error: the tests fail on {", ".join(failed)}.')


if __name__ == '__main__':
    main()
