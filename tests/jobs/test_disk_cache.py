"""Descriptions of backends on disk: by calibration, for a while, for this user, and nothing of the account."""

import json
import stat
import time
import zlib
from dataclasses import replace

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends import disk_cache
from airflow_provider_qrt.jobs.backends.disk_cache import BackendCache
from airflow_provider_qrt.programs.backend_snapshots import BackendSnapshots

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/the-account:the-instance::"
KEY = "a-key-that-nobody-may-read-0123456789"
FEZ = Backend(
    "ibm_fez",
    "online",
    "available",
    3,
    156,
    {"family": "Heron"},
    {"p50": 2.0},
    {"two_q_error_median": {"value": 0.003}},
)
CONFIGURATION, PROPERTIES = {"n_qubits": 156}, {"last_update_date": "2026-11-30T10:00:00Z"}


def settings(**more):
    return ClientSettings.create(**{"api_key": KEY, "instance": CRN, **more})


@pytest.fixture
def cache(tmp_path):
    return BackendCache(settings(), tmp_path / "backends")


@pytest.fixture
def later(monkeypatch):
    """Move the clock."""
    ahead = [0.0]
    real = time.time
    monkeypatch.setattr(disk_cache.time, "time", lambda: real() + ahead[0])

    def move(seconds):
        ahead[0] += seconds

    return move


def test_what_was_read_is_known_to_the_next_task(cache, tmp_path):
    assert cache.listed("ibm_fez") is None
    assert cache.description(FEZ) is None
    cache.note_listed(FEZ)
    cache.note_description(FEZ, CONFIGURATION, PROPERTIES)
    again = BackendCache(settings(), tmp_path / "backends")
    backend, seconds_ago = again.listed("ibm_fez")
    assert backend == FEZ
    assert 0 <= seconds_ago < disk_cache.LISTED_FOR
    assert again.description(FEZ) == (CONFIGURATION, PROPERTIES)


def test_a_backend_that_was_never_calibrated(cache):
    cache.note_description(FEZ, CONFIGURATION, None)
    assert cache.description(FEZ) == (CONFIGURATION, None)


def test_a_new_calibration_is_read(cache):
    cache.note_description(FEZ, CONFIGURATION, PROPERTIES)
    calibrated = replace(FEZ, performance_metrics={"two_q_error_median": {"value": 0.004}})
    assert cache.description(calibrated) is None
    # The queue is not part of a calibration.
    assert cache.description(replace(FEZ, queue_length=9, status="paused", wait_time_seconds=None)) is not None


@pytest.mark.parametrize(
    "other",
    [
        {"instance": CRN.replace("the-instance", "another")},
        {"base_url": "https://elsewhere.example/api/v1"},
        {"api_version": "2026-03-15"},
    ],
)
def test_other_services_and_instances_have_entries_of_their_own(cache, tmp_path, other):
    cache.note_listed(FEZ)
    cache.note_description(FEZ, CONFIGURATION, PROPERTIES)
    elsewhere = BackendCache(settings(**other), tmp_path / "backends")
    assert elsewhere.listed("ibm_fez") is None
    assert elsewhere.description(FEZ) is None


def test_entries_age(cache, later):
    cache.note_listed(FEZ)
    cache.note_description(FEZ, CONFIGURATION, PROPERTIES)
    later(disk_cache.LISTED_FOR + 1)
    assert cache.listed("ibm_fez") is None
    assert cache.description(FEZ) is not None
    later(disk_cache.DESCRIBED_FOR)
    assert cache.description(FEZ) is None


def test_a_backend_that_is_paused_is_asked_for_again(cache):
    cache.note_listed(replace(FEZ, status="paused"))
    assert cache.listed("ibm_fez") is None


def test_a_clock_that_was_put_back_makes_nothing_fresh(cache, later):
    cache.note_listed(FEZ)
    later(-3600)
    assert cache.listed("ibm_fez") is None


def test_nobody_else_reads_it_and_it_holds_no_secret(cache):
    cache.note_listed(FEZ)
    cache.note_description(FEZ, CONFIGURATION, PROPERTIES)
    directory = cache._files.directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = zlib.decompress(path.read_bytes()[:-32]).decode() + path.name
        assert "account" not in text
        assert KEY not in text


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b'{"read_at": "soon"}', b'{"read_at": 1e400}'])
def test_an_entry_that_cannot_be_used_is_read_again(cache, content):
    cache._files.put(cache._key("list", "ibm_fez"), content)
    assert cache.listed("ibm_fez") is None


@pytest.mark.parametrize("entry", [{}, {"backend": {"name": "x"}}, {"backend": {"colour": 1}}, {"backend": 3}])
def test_an_entry_of_another_version_is_read_again(cache, entry):
    cache._files.put(cache._key("list", "ibm_fez"), json.dumps({"read_at": time.time(), **entry}).encode())
    assert cache.listed("ibm_fez") is None


@pytest.fixture
def service(emulator, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__BACKEND_CACHE", str(tmp_path / "kept"))
    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    return QiskitRuntimeClient(settings)


def read(service, emulator):
    """The requests that a task's reading of the backend takes."""
    [fez] = [one for one in service.backends() if one.name == "ibm_fez"]
    emulator.clear_requests()
    snapshot = BackendSnapshots(service).read(fez)
    assert snapshot.configuration["backend_name"] == "ibm_fez"
    return [one["path"].rsplit("/", 1)[-1] for one in emulator.requests()], snapshot


def test_the_second_task_asks_nothing(service, emulator):
    asked, first = read(service, emulator)
    assert asked == ["configuration", "properties"]
    asked, second = read(service, emulator)
    assert asked == []
    # Transpiled circuits are kept under this digest.
    assert second.digest() == first.digest()


def test_a_calibration_that_may_not_be_read_is_not_kept(service, emulator):
    emulator.add_fault(method="GET", path="*/properties", status=403, times=1)
    _, first = read(service, emulator)
    assert first.properties is None
    asked, second = read(service, emulator)
    assert asked == ["configuration", "properties"]
    assert second.properties is not None


def test_it_can_be_switched_off(service, emulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__BACKEND_CACHE", "none")
    assert read(service, emulator)[0] == read(service, emulator)[0] == ["configuration", "properties"]
