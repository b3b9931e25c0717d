"""Which programs exist."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator import Emulator


@pytest.mark.parametrize("program", ["circuit-runner", "qasm3-runner", "sampler-v3"])
def test_unknown_programs_are_not_found(api, program):
    assert api.refusal(api.post_job(api.bell(), program_id=program)) == (404, 1222)


def test_a_withdrawn_program_is_not_found_and_a_job_from_before_goes_on(api):
    job_id = api.submit((api.bell(), None, 5))
    api.emulator.configure(withdrawn_programs=["sampler", "calibrate"])
    answer = api.post_job((api.bell(), None, 5))
    assert api.refusal(answer) == (404, 1222)
    assert "sampler" not in answer.json()["errors"][0]["solution"]
    assert api.refusal(api.post_job(api.bell(), program_id="calibrate")) == (404, 1222)
    assert api.post_job((api.qasm + "x $0;", "Z"), program_id="estimator").status_code == 200
    assert len(api.result(job_id)["results"][0]["data"]["meas"]["samples"]) == 5
    assert api.emulator.configure(withdrawn_programs=[])["withdrawn_programs"] == []
    assert api.post_job((api.bell(), None, 5)).status_code == 200


def test_an_emulator_may_start_without_a_program(connect):
    with Emulator(withdrawn_programs=["estimator"], queue_seconds=0, run_seconds=0) as emulator:
        api = connect(emulator)
        assert api.refusal(api.post_job((api.qasm + "x $0;", "Z"), program_id="estimator")) == (404, 1222)
        assert api.post_job((api.bell(), None, 5)).status_code == 200


@pytest.mark.parametrize("wrong", ["sampler", [1], {}])
def test_withdrawn_programs_are_a_list_of_names(emulator, wrong):
    with pytest.raises(ValueError, match="withdrawn_programs"):
        emulator.configure(withdrawn_programs=wrong)


def test_the_official_client_says_that_a_withdrawn_program_was_not_found():
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import SamplerV2
    from qiskit_ibm_runtime.exceptions import RuntimeProgramNotFound

    with Emulator(withdrawn_programs=["sampler"], queue_seconds=0, run_seconds=0) as emulator:
        backend = emulator.qiskit_service().backend("ibm_fez")
        circuit = QuantumCircuit(1)
        circuit.measure_all()
        with (
            pytest.warns(DeprecationWarning, match="client-side"),
            pytest.raises(RuntimeProgramNotFound, match="sampler"),
        ):
            SamplerV2(backend).run([circuit])
