"""``make dist``: build sdist and wheel reproducibly, check them, and list what they depend on."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from airflow_provider_qrt import __version__

ROOT = Path(__file__).resolve().parent.parent
SBOM = "airflow-provider-qrt.cdx.json"


def main() -> int:
    """Build into a folder, check, and print the digests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder to write to; what is there is deleted")
    folder = parser.parse_args().out
    built = build(ROOT, folder)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *built], check=True)
    write_sbom(folder / SBOM)
    for file in sorted(folder.iterdir()):
        print(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder.parent)}")
    return 0


def build(source: Path, folder: Path) -> list[Path]:
    """Build the sdist from a checkout and the wheel from the sdist; times in them are that of the last commit."""
    shutil.rmtree(folder, ignore_errors=True)
    committed = subprocess.run(
        ["git", "-C", str(source), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=True
    ).stdout.strip()
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "build", "--quiet", "--build-constraint", ROOT / "constraints.txt", "--out-dir", folder, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": committed},
        check=True,
    )
    # uv writes it so that nobody commits the folder.
    (folder / ".gitignore").unlink(missing_ok=True)
    return sorted(folder.iterdir())


def write_sbom(file: Path) -> None:
    """Write what the provider and its extras are tested with, as CycloneDX, from the lock file."""
    subprocess.run(
        [
            sys.executable, "-W", "ignore::UserWarning", "-m", "cyclonedx_py",
            "requirements", ROOT / "requirements.lock", "--pyproject", ROOT / "pyproject.toml",
            "--mc-type", "library", "--output-reproducible", "--output-format", "JSON", "--output-file", file,
        ],
        check=True,
    )  # fmt: skip
    listed = json.loads(file.read_text())
    listed["metadata"]["component"]["version"] = __version__
    file.write_text(json.dumps(listed, indent=2, sort_keys=True))


if __name__ == "__main__":
    sys.exit(main())
