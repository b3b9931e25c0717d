"""Reading a backend's calibration."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.jobs.backends.calibration import Calibration


def gate(name, error, qubits=(0, 1)):
    parameters = [{"name": "gate_length", "value": 68}, {"name": "gate_error", "value": error}]
    return {"gate": name, "qubits": list(qubits), "parameters": parameters}


def test_the_error_is_the_median_of_the_two_qubit_gates_in_service():
    gates = [gate("cz", 0.004), gate("cz", 0.001), gate("cz", 0.003), gate("cz", 1), gate("sx", 0.5, [0])]
    assert Calibration.from_properties({"gates": gates}).two_qubit_error == 0.003


def test_fractional_gates_are_not_counted_beside_those_that_ibm_rates_by():
    assert Calibration.from_properties({"gates": [gate("cz", 0.004), gate("rzz", 0.009)]}).two_qubit_error == 0.004
    assert Calibration.from_properties({"gates": [gate("rzz", 0.009)]}).two_qubit_error == 0.009


def test_the_time_is_in_utc():
    read = Calibration.from_properties({"last_update_date": "2026-11-21T12:00:00-05:00"})
    assert read.calibrated == datetime(2026, 11, 21, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"gates": None, "last_update_date": None},
        {"gates": [None, {"gate": "cz"}, gate("cz", "?"), gate("cz", None), gate("cz", True)], "last_update_date": 7},
        {"gates": [{"gate": "cz", "qubits": [0, 1], "parameters": [7, {}]}]},
        {"gates": [{"gate": "cz", "qubits": 2, "parameters": 3}]},
    ],
)
def test_what_cannot_be_read_is_missing(properties):
    assert Calibration.from_properties(properties) == Calibration(None, None)


def test_of_a_machine(emulator):
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    read = Calibration.from_properties(QiskitRuntimeClient(settings).backend_properties("ibm_boston"))
    assert read == Calibration(datetime(2026, 4, 17, 10, 19, 24, tzinfo=UTC), pytest.approx(0.00127, abs=1e-5))
