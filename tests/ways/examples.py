"""Shared parts of the tests of all example DAGs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONF: dict[str, dict[str, Any]] = {
    # So few that nobody is asked.
    "approve_submission": {"shots": 1000},
    "parameter_sweep": {},
    "bell_pair": {},
    "batch_of_circuits": {},
    "budget": {},
    "calibrate_first": {},
    "directed_execution": {},
    "first_circuit": {},
    "ghz_states": {},
    "h2_vqe": {},
    "h2_vqe_rounds": {},
    "ising_energy": {},
    "kicked_ising": {},
    "qaoa_maxcut": {},
    "sampled_diagonalization": {},
    "learn_noise": {},
    "short_jobs": {},
    "submit_and_wait": {},
    "wait_for_backend": {},
    "calibration_record": {},
}
"""The DAGs that end by themselves, and what they are run with."""


def copy_dags(folder: Path) -> Path:
    """Copy the example DAGs into a folder of DAGs."""
    shutil.copytree(ROOT / "example_dags", folder, ignore=shutil.ignore_patterns("legacy", "__pycache__"))
    return folder
