"""``make release VERSION=1.2.3``: changelog, version, commit, tag and distribution. The upload needs a person."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
UNRELEASED = "## Unreleased\n"


class ReleaseError(Exception):
    """The release cannot be made; says why, and what to do."""


def main() -> int:
    """Prepare a release; 1 if that is not possible."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    options = parser.parse_args()
    try:
        tag = prepare(ROOT, options.version, datetime.now(UTC))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Committed and tagged {tag}. Next, after `make dist`:")
    print(f"    git push origin main {tag}")
    print("    twine upload dist/*.whl dist/*.tar.gz")
    return 0


def prepare(root: Path, version: str, now: datetime) -> str:
    """Write version and changelog, commit, and tag; return the tag.

    Args:
        root: The checkout.
        version: The new version.
        now: The time of the release.

    Raises:
        ReleaseError: See there.
    """
    source = root / "airflow_provider_qrt" / "__init__.py"
    changelog = root / "CHANGELOG.md"
    found = re.search(r'^__version__ = "(.*)"$', source.read_text(), re.MULTILINE)
    assert found is not None
    tag = f"v{check_version(version, found[1])}"
    if git(root, "status", "--porcelain"):
        raise ReleaseError("There are changes that are not committed. Commit or stash them first.")
    if tag in git(root, "tag").split():
        raise ReleaseError(f"{tag} is released already. Choose a higher version.")
    check_repository(root)
    changelog.write_text(release_notes(changelog.read_text(), version, now))
    source.write_text(source.read_text().replace(found[0], f'__version__ = "{version}"'))
    readme = root / "README.md"
    readme.write_text(readme.read_text().replace(f"qrt-{found[1]}-py3", f"qrt-{version}-py3"))
    git(root, "add", "--", str(source), str(changelog), str(readme))
    git(root, "commit", "--quiet", "--message", f"Release {version}")
    git(root, "tag", "--annotate", tag, "--message", f"Release {version}")
    return tag


def check_version(version: str, present: str) -> Version:
    """Return a version that may follow the present one.

    Raises:
        ReleaseError: It is not one.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise ReleaseError(f"{version!r} is not a version, such as 1.2.3.") from None
    if str(wanted) != version:
        raise ReleaseError(f"Write the version as {wanted}.")
    if wanted < Version(present):
        raise ReleaseError(f"{version} is lower than the present version, {present}.")
    return wanted


def check_repository(root: Path) -> None:
    """Check that the links in the distribution lead to this repository.

    Raises:
        ReleaseError: They do not.
    """
    urls = tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]
    origin = git(root, "config", "--get", "remote.origin.url", check=False)
    address = re.sub(r"^(?:https?://|ssh://)?(?:[^@/]+@)?([^:/]+)[:/](.*?)(?:\.git)?/?$", r"https://\1/\2", origin)
    if origin and address != urls["Source"]:
        raise ReleaseError(
            f"pyproject.toml says that the repository is at {urls['Source']}, and origin is {address}. Correct the "
            "addresses in pyproject.toml: the links on the package's page are made of them."
        )


def release_notes(changelog: str, version: str, now: datetime) -> str:
    """Return the changelog with what was unreleased under a heading of its own.

    Raises:
        ReleaseError: There is nothing to release.
    """
    before, found, rest = changelog.partition(UNRELEASED)
    text = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not found or not text.strip():
        raise ReleaseError("CHANGELOG.md has nothing under 'Unreleased'. Say there what has changed.")
    return f"{before}{UNRELEASED}\n## {version} - {now:%Y-%m-%d}\n{rest}"


def git(root: Path, *arguments: str, check: bool = True) -> str:
    """Run git in a checkout and return what it prints.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    done = subprocess.run(["git", "-C", str(root), *arguments], check=check, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
