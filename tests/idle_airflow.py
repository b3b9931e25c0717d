"""Stops the Airflow of a folder's tests before other tests, because even idle it uses a fifth of a core."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.local_airflow import LocalAirflow


class IdleAirflow:
    """The Airflow that the tests of a folder share.

    Args:
        folder: Where the tests are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._airflow: LocalAirflow | None = None
        self._is_ended = False

    def shared(self, airflow: LocalAirflow) -> LocalAirflow:
        """Take note of it."""
        self._airflow = airflow
        return airflow

    def before_test(self) -> None:
        """Start it again if it was ended: another test of the folder comes after all."""
        if self._is_ended and self._airflow is not None:
            self._airflow.start_missing_components()
        self._is_ended = False

    def after_test(self, nextitem: pytest.Item | None) -> None:
        """End it if the next test is another folder's."""
        if self._airflow is not None and nextitem is not None and self._folder not in nextitem.path.parents:
            self._airflow.stop()
            self._is_ended = True
