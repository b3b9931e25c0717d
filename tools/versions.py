"""``make test-versions``: other versions of Airflow and Python, each in an environment of its own.

Airflow publishes constraints for each release. They cannot be downloaded everywhere, so the packages of the time of the
release take their place: the resolver sees nothing that was uploaded after ``as_of``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local" / "versions"


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
GROUPS = {
    "all": VERSIONS,
    "ci": (OLDEST, SERVICES, STAND_IN, NEWEST),
}


def main() -> int:
    """Test the chosen versions; 0 if everything passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chosen", nargs="*", default=["all"], help="names or versions of Airflow, or: all, ci")
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
    # Two at a time, because each of them mostly waits.
    with ThreadPoolExecutor(2) as pool:
        passed = list(pool.map(test, [one for one in versions if one not in missing]))
    return int(not all(passed))


def test(version: Version) -> bool:
    """Run the tests in a running Airflow of one version; return whether they passed."""
    began = time.monotonic()
    environment = {**os.environ, "AIRFLOW_VERSIONS": version.name}
    command = [sys.executable, "-m", "pytest", "-q", "tests/versions"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    outcome = "passed" if done.returncode == 0 else f"FAILED\n{done.stdout}{done.stderr}"
    print(f"{version.name}: {outcome} in {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


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


def install(version: Version) -> Path:
    """Make an environment, unless it is there, and return its Python.

    Raises:
        subprocess.CalledProcessError: The packages cannot be installed together.
    """
    folder = FOLDER / version.name
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
    done.write_text(wanted)
    return python


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


if __name__ == "__main__":
    sys.exit(main())
