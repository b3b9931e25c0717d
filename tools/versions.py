"""``make test-versions``: other versions of Airflow and Python, each in environments of its own.

In one of them, the unit tests run. The other has what a user installs, and in it runs a real Airflow, which works with
the emulators of the development environment.

Airflow publishes constraints for each release. They cannot be downloaded everywhere, so the packages of the time of the
release take their place: the resolver sees nothing that was uploaded after ``as_of``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local" / "versions"
README = ROOT / "README.md"
TABLE_BEGINS, TABLE_ENDS = "<!-- made by: make test-versions README=yes -->", "<!-- end -->"


@dataclass(frozen=True)
class Version:
    """An Airflow and a Python to test with.

    Attributes:
        airflow: Version of Airflow.
        python: Version of Python.
        as_of: Day until which packages are taken into account, ISO 8601; None for all.
        lowest: Whether the package's own dependencies are installed in the lowest versions that it allows.
    """

    airflow: str
    python: str
    as_of: str | None = None
    lowest: bool = False

    @property
    def name(self) -> str:
        """A name for folders and test ids."""
        return f"airflow-{self.airflow}-python-{self.python}{'-lowest' if self.lowest else ''}"

    @property
    def dependencies(self) -> str:
        """The versions of the packages that are installed with it, in words."""
        if self.lowest:
            return "the lowest that are allowed"
        return f"those of {self.as_of}" if self.as_of else "the newest"


OLDEST = Version("3.1.8", "3.11", "2026-03-12", lowest=True)
SERVICES = Version("3.3.1", "3.12", "2026-08-13")
NEWEST = Version("3.3.2", "3.14")
STAND_IN = Version("3.3.2", "3.13")
"""Tested where there is no newer Python."""
VERSIONS = (
    OLDEST,
    Version("3.1.8", "3.12", "2026-03-12"),
    Version("3.2.0", "3.12", "2026-04-08"),
    Version("3.2.1", "3.12", "2026-04-23"),
    Version("3.2.2", "3.13", "2026-05-30"),
    Version("3.3.0", "3.12", "2026-07-07"),
    SERVICES,
    Version("3.3.2", "3.11"),
    STAND_IN,
    NEWEST,
    Version("3.4.0b2", "3.13"),
)
"""The versions that can be tested. Managed services offer 3.1.8, 3.2.1, 3.2.2 and 3.3.1, with Python 3.12."""
WITHOUT_AIRFLOW = ("client", "jobs", "primitives", "formats")
"""The unit tests that meet Python or a dependency, but not Airflow."""
WITH_AIRFLOW = (
    "hooks",
    "operators",
    "decorators",
    "sensors",
    "triggers",
    "assets",
    "links",
    "plugins",
    "cleanup",
    "storage",
    "retry_policies",
    "test_compat.py",
    "test_provider_info.py",
)
"""The unit tests that meet Airflow."""
WITH_EACH_CHANGE = (
    *(name for name in WITH_AIRFLOW if name != "operators"),
    *(
        f"operators/test_{name}.py"
        for name in ("sampler", "estimator", "jobs", "sessions", "templating", "standing", "without_state_store")
    ),
)
"""Those of them that run with each change; of the operators' tests most meet the service, and not Airflow."""
GROUPS = {
    "all": VERSIONS,
    "ci": (OLDEST, SERVICES, STAND_IN, NEWEST),
}


def main() -> int:
    """Test the chosen versions; 0 if everything passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chosen", nargs="*", default=["all"], help="names or versions of Airflow, or: all, ci")
    parser.add_argument("--readme", action="store_true", help="write the table of the README, unless with: ci")
    options = parser.parse_args()
    versions = [
        one
        for one in VERSIONS
        if any(one in GROUPS.get(name, ()) or name in (one.name, one.airflow) for name in options.chosen)
    ]
    if not versions:
        parser.error(f"no such version; there are {', '.join(one.name for one in VERSIONS)}")
    missing = [one for one in versions if interpreter(one.python) is None]
    for one in missing:
        print(f"{one.name} is left out: there is no Python {one.python} here, and uv cannot download it.", flush=True)
    if missing and not set(options.chosen) & set(GROUPS):
        return 1
    if "ci" in options.chosen and NEWEST not in missing:
        # Its stand-in is not needed.
        versions.remove(STAND_IN)
    present = [one for one in versions if one not in missing]
    # With each change, a few unit tests run, on the oldest Airflow, which differs most.
    with_each_change = "ci" in options.chosen
    for_units = [one for one in present if not with_each_change or one is OLDEST]
    unit_tests = WITH_EACH_CHANGE if with_each_change else WITHOUT_AIRFLOW + WITH_AIRFLOW
    # A real Airflow mostly waits, so the unit tests of a version run beside it, and of the few versions that run with
    # each change a second one.
    with ThreadPoolExecutor(2 if with_each_change else 1) as first, ThreadPoolExecutor(1) as second:
        running, testing = first.map(run_airflow, present), second.map(partial(run_units, tests=unit_tests), for_units)
        live, units = dict(zip(present, running, strict=True)), dict(zip(for_units, testing, strict=True))
    if options.readme and not with_each_change:
        # One version that fails does not cost the others their rows.
        write_table(
            {one: (tests, unit_tests) for one in for_units if (tests := live[one]) and (unit_tests := units[one])}
        )
    return 0 if all((*live.values(), *units.values())) else 1


def run_airflow(version: Version) -> int | None:
    """Run the tests in a running Airflow of one version; return how many passed, None if one did not."""
    environment = {**os.environ, "AIRFLOW_VERSIONS": version.name}
    command = [sys.executable, "-m", "pytest", "-q", "tests/versions"]
    return _passed(f"{version.name}, a real Airflow", command, environment)


def run_units(version: Version, tests: Sequence[str]) -> int | None:
    """Run unit tests on one version; return how many passed, None if one did not."""
    command = [
        str(install(version, units=True)), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider",
        "-m", "not e2e and not slow", *(f"tests/{name}" for name in tests),
    ]  # fmt: skip
    return _passed(f"{version.name}, unit tests", command, dict(os.environ))


def _passed(what: str, command: list[str], environment: dict[str, str]) -> int | None:
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    counted = re.findall(r"(\d+) passed", done.stdout)
    seconds = f"{time.monotonic() - began:.0f} s"
    if done.returncode or not counted:
        print(f"{what}: FAILED after {seconds}\n{done.stdout}{done.stderr}", flush=True)
        return None
    print(f"{what}: {counted[-1]} passed in {seconds}", flush=True)
    return int(counted[-1])


def write_table(outcomes: dict[Version, tuple[int, int]]) -> None:
    """Write the versions and the numbers of their tests into the README, in place of their last rows."""
    made = {
        f"| {one.airflow} | {one.python} | {one.dependencies} |": f" {units:,} | {live} |"
        for one, (live, units) in outcomes.items()
    }
    starts = [f"| {one.airflow} | {one.python} | {one.dependencies} |" for one in VERSIONS]
    former = {
        line[: len(start)]: line[len(start) :]
        for line in README.read_text().splitlines()
        for start in starts
        if line.startswith(start)
    }
    rows = [start + rest for start in starts if (rest := made.get(start, former.get(start)))]
    head = ["| Airflow | Python | dependencies | unit tests | tests in a running Airflow |", "|---|---|---|---|---|"]
    before, rest = README.read_text().split(TABLE_BEGINS)
    README.write_text("\n".join([before + TABLE_BEGINS, *head, *rows, TABLE_ENDS + rest.split(TABLE_ENDS)[1]]))


def interpreter(version: str) -> str | None:
    """Return a Python of this version: on the path, of pyenv, or else what uv downloads; None if there is none."""
    found = [Path(path) for path in (shutil.which(f"python{version}"),) if path]
    found += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"), reverse=True)
    for python in found:
        # pyenv puts a program on the path for each version that it knows, whether it is switched on or not.
        asked = [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
        if subprocess.run(asked, capture_output=True, check=False).stdout.decode().strip() == version:
            return str(python)
    download = [_uv(), "python", "install", "--quiet", version]
    return None if subprocess.run(download, capture_output=True, check=False).returncode else version


def install(version: Version, *, units: bool = False) -> Path:
    """Make an environment, unless it is there, and return its Python.

    Args:
        version: The versions of Airflow and Python.
        units: Install what the unit tests need as well.

    Raises:
        subprocess.CalledProcessError: The packages cannot be installed together.
    """
    folder = FOLDER / (f"{version.name}-units" if units else version.name)
    python, done = folder / "bin" / "python", folder / ".installed"
    wanted = (ROOT / "pyproject.toml").read_text()
    if done.exists() and done.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    found = interpreter(version.python)
    if found is None:
        raise RuntimeError(f"There is no Python {version.python}.")
    subprocess.run([_uv(), "venv", "--quiet", "--python", found, str(folder)], check=True)
    subprocess.run(
        [
            _uv(), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python),
            "--prerelease", "if-necessary-or-explicit",
            *(["--exclude-newer", version.as_of] if version.as_of else []),
            *(["--resolution", "lowest-direct"] if version.lowest else []),
            f"apache-airflow=={version.airflow}", "--editable", str(ROOT),
        ],
        check=True,
    )  # fmt: skip
    subprocess.run([_uv(), "pip", "check", "--quiet", "--python", str(python)], check=True)
    if units:
        _add_what_unit_tests_need(version, python)
    done.write_text(wanted)
    return python


def _add_what_unit_tests_need(version: Version, python: Path) -> None:
    # The emulator demands a Starlette without known faults, which Airflow 3.1 excludes. In a test it does not matter.
    any_version = FOLDER / "any-version.txt"
    any_version.write_text("starlette\n")
    subprocess.run(
        [
            _uv(), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python),
            "--prerelease", "if-necessary-or-explicit", "--overrides", str(any_version),
            "--group", f"{ROOT / 'pyproject.toml'}:unit",
            f"apache-airflow=={version.airflow}", "--editable", f"{ROOT}[emulator]",
        ],
        check=True,
    )  # fmt: skip


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


if __name__ == "__main__":
    sys.exit(main())
