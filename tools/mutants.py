"""``make mutants``: change the code in small ways, and count which changes the tests notice.

mutmut works on a copy of the tracked files, so the working tree stays as it is. Without a room it takes the files that
were changed since a commit.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "airflow_provider_qrt"
TESTS = {
    "jobs": ["tests/jobs"],
    "execution": ["tests/operators", "tests/decorators"],
    "programs": ["tests/operators", "tests/decorators"],
    "client": ["tests/client"],
    "primitives": ["tests/primitives"],
}
"""The tests of each package that can be mutated."""
SETTINGS = """
[tool.mutmut]
source_paths = ["{package}"]
only_mutate = {files}
also_copy = ["tools", "example_dags", "docs", "README.md", "benchmarks", "{package}"]
timeout_constant = 20.0
timeout_multiplier = 5.0
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not slow and not e2e"]
pytest_add_cli_args_test_selection = {tests}
"""


def main() -> int:
    """Mutate, print the score and the survivors; 1 if fewer were killed than was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", help="file or folder in the package, such as jobs/wait or jobs/submit/rate.py")
    parser.add_argument("--since", default="HEAD~1", help="without --room: files changed since this commit")
    parser.add_argument("--tests", nargs="+", help="tests to run; otherwise those of the room's package")
    parser.add_argument("--at-most", type=int, help="try so many changes, chosen at random but always the same")
    parser.add_argument("--at-least", type=float, default=0.85, help="share that must be killed")
    options = parser.parse_args()
    files = _files(options.room, options.since)
    if not files:
        print("There is nothing to mutate.")
        return 0
    tests = options.tests or sorted({test for file in files for test in TESTS[file.split("/")[1]]})
    with tempfile.TemporaryDirectory(prefix="qrt-mutants-") as folder:
        copy = Path(folder) / "copy"
        _copy(copy)
        with (copy / "pyproject.toml").open("a") as settings:
            settings.write(SETTINGS.format(package=PACKAGE, files=_toml(files), tests=_toml(tests)))
        mutmut = Path(sys.executable).with_name("mutmut")
        names = _some(mutmut, copy, options.at_most) if options.at_most else []
        if subprocess.run([mutmut, "run", *names], cwd=copy, check=False).returncode:
            return 1
        listed = subprocess.run(
            [mutmut, "results", "--all", "true"], cwd=copy, capture_output=True, text=True, check=True
        )
        survivors = _report(listed.stdout, options.at_least)
        for name in survivors[0]:
            print(subprocess.run([mutmut, "show", name], cwd=copy, capture_output=True, text=True, check=False).stdout)
    return survivors[1]


def _some(mutmut: Path, copy: Path, number: int) -> list[str]:
    """Return the names of some changes."""
    # It makes all changes and runs all tests once, and fails because the name that it is given is none of theirs.
    subprocess.run([mutmut, "run", "none"], cwd=copy, capture_output=True, check=False)
    listed = subprocess.run([mutmut, "results", "--all", "true"], cwd=copy, capture_output=True, text=True, check=True)
    names = sorted(line.strip().rsplit(": ", 1)[0] for line in listed.stdout.splitlines() if ": " in line)
    if not names:
        raise RuntimeError("mutmut has made no changes, or the tests fail without any. Run it without --at-most.")
    chosen = random.Random(0).sample(names, min(number, len(names)))
    # As patterns: for plain names mutmut would name each test by its id, and not find all of them again.
    return [f"*{name}" for name in chosen]


def _files(room: str | None, since: str) -> list[str]:
    """Return the files to mutate, from the root."""
    if room is not None:
        place = ROOT / PACKAGE / room
        found = [place] if place.is_file() else sorted(place.rglob("*.py"))
        return [file.relative_to(ROOT).as_posix() for file in found]
    changed = subprocess.run(
        ["git", "diff", "--name-only", since, "--", PACKAGE], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [file for file in changed if file.split("/")[1] in TESTS and (ROOT / file).exists()]


def _copy(folder: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def _report(results: str, at_least: float) -> tuple[list[str], int]:
    """Print the score; return the survivors, and whether they are too many."""
    states = dict(line.strip().rsplit(": ", 1) for line in results.splitlines() if ": " in line)
    counted = Counter(states.values())
    # A change that no test runs is not noticed.
    tried = sum(counted[state] for state in ("killed", "timeout", "survived", "suspicious", "no tests"))
    killed = counted["killed"] + counted["timeout"]
    share = killed / tried if tried else 1.0
    print(f"\n{killed} of {tried} mutants were noticed ({share:.0%}); {dict(counted)}")
    return [name for name, state in states.items() if state == "survived"], int(share < at_least)


def _toml(values: list[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


if __name__ == "__main__":
    sys.exit(main())
