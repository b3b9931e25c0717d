"""A release by one command: changelog, version, commit and tag."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_qrt import __version__
from tools.release import ReleaseError, git, prepare, release_notes

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 12, 1, tzinfo=UTC)
NOTES = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n"


@pytest.fixture
def checkout(tmp_path) -> Path:
    (tmp_path / "airflow_provider_qrt").mkdir()
    for name in ("pyproject.toml", "README.md", "airflow_provider_qrt/__init__.py"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(NOTES)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(tmp_path)], check=True)
    git(tmp_path, "config", "user.name", "Somebody")
    git(tmp_path, "config", "user.email", "somebody@example.com")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "All")
    return tmp_path


def test_version_changelog_commit_and_tag(checkout):
    assert prepare(checkout, "9.1.0", NOW) == "v9.1.0"
    assert '__version__ = "9.1.0"' in (checkout / "airflow_provider_qrt" / "__init__.py").read_text()
    assert "## Unreleased\n\n## 9.1.0 - 2026-12-01\n\n### Added" in (checkout / "CHANGELOG.md").read_text()
    assert "airflow_provider_qrt-9.1.0-py3-none-any.whl" in (checkout / "README.md").read_text()
    assert git(checkout, "log", "-1", "--format=%s") == "Release 9.1.0"
    assert git(checkout, "tag", "--points-at", "HEAD") == "v9.1.0"
    assert git(checkout, "status", "--porcelain") == ""


def test_the_present_version_may_be_the_first_release(checkout):
    assert prepare(checkout, __version__, NOW) == f"v{__version__}"


@pytest.mark.parametrize(
    ("version", "said"),
    [("latest", "is not a version"), ("9.01", r"Write the version as 9\.1"), ("0.0.1", "is lower than the present")],
)
def test_a_wrong_version_is_refused(checkout, version, said):
    with pytest.raises(ReleaseError, match=said):
        prepare(checkout, version, NOW)
    assert git(checkout, "log", "-1", "--format=%s") == "All"


def test_what_is_not_committed_is_not_released(checkout):
    (checkout / "README.md").write_text("changed")
    with pytest.raises(ReleaseError, match="not committed"):
        prepare(checkout, "9.1.0", NOW)


def test_a_version_is_released_once(checkout):
    prepare(checkout, "9.1.0", NOW)
    (checkout / "CHANGELOG.md").write_text(NOTES)
    git(checkout, "commit", "--quiet", "--all", "--message", "More")
    with pytest.raises(ReleaseError, match="released already"):
        prepare(checkout, "9.1.0", NOW)


def test_nothing_is_released_without_a_word_on_what_has_changed():
    with pytest.raises(ReleaseError, match="nothing under 'Unreleased'"):
        release_notes("# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-01-01\n\n- A thing.\n", "0.2.0", NOW)


@pytest.mark.parametrize(
    ("origin", "is_right"),
    [
        ("git@github.com:airflow-provider-qrt/airflow-provider-qrt.git", True),
        ("https://github.com/airflow-provider-qrt/airflow-provider-qrt", True),
        ("https://github.com/somebody/fork.git", False),
    ],
)
def test_the_links_of_the_package_lead_to_its_repository(checkout, origin, is_right):
    git(checkout, "remote", "add", "origin", origin)
    if is_right:
        prepare(checkout, "9.1.0", NOW)
    else:
        with pytest.raises(ReleaseError, match=r"origin is https://github\.com/somebody/fork"):
            prepare(checkout, "9.1.0", NOW)
