"""Calibrations of past days, and how long they are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.plugins.backend_readings import FRESH_SECONDS, BackendReadings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY, YESTERDAY = NOW, NOW - timedelta(days=1)
LATER = NOW.timestamp() + FRESH_SECONDS + 1


class Service:
    """Tells when it was asked, or refuses."""

    def __init__(self, refusal: Exception | None = None, *, offers: bool = True) -> None:
        self.asked = 0
        self.refusal = refusal
        self.channel = SimpleNamespace(offers=lambda _feature: offers)

    def backend_properties(self, name, *, updated_before):
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return {"last_update_date": (NOW + timedelta(hours=self.asked)).isoformat()}


def test_the_calibration_of_a_day_that_is_over_is_read_once():
    service, readings = Service(), BackendReadings()
    first = readings.past(service, "ibm_fez", YESTERDAY, NOW.timestamp())
    assert readings.past(service, "ibm_fez", YESTERDAY, LATER) == first
    assert readings.known_past("ibm_fez", "2026-11-20", LATER) == (True, first)
    assert service.asked == 1


def test_that_of_today_is_read_again():
    service, readings = Service(), BackendReadings()
    first = readings.past(service, "ibm_fez", TODAY, NOW.timestamp())
    assert readings.past(service, "ibm_fez", TODAY, NOW.timestamp() + 1) == first
    assert readings.known_past("ibm_fez", "2026-11-21", LATER) == (False, None)
    assert readings.past(service, "ibm_fez", TODAY, LATER) != first


@pytest.mark.parametrize(
    ("refusal", "is_kept"),
    [
        (errors.NotFoundError(404, errors.ErrorBody(), request="GET /x"), True),
        (errors.ApiError(403, errors.ErrorBody(), request="GET /x"), False),
    ],
)
def test_a_refusal_may_pass(refusal, is_kept):
    service, readings = Service(refusal), BackendReadings()
    assert readings.past(service, "ibm_fez", YESTERDAY, NOW.timestamp()) is None
    assert readings.known_past("ibm_fez", "2026-11-20", LATER)[0] is is_kept


def test_a_channel_without_calibrations_is_not_asked():
    service, readings = Service(offers=False), BackendReadings()
    assert readings.past(service, "ibm_fez", YESTERDAY, NOW.timestamp()) is None
    assert readings.known_past("ibm_fez", "2026-11-20", LATER) == (True, None)
    assert service.asked == 0
