"""The functions of the example DAGs with loops, against the emulator."""

from __future__ import annotations

import importlib.util
from itertools import product
from pathlib import Path

import pytest

from airflow_provider_qrt.hybrid.running import run_hybrid

EXAMPLES = Path(__file__).parents[2] / "example_dags"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(connection, tmp_path):
    """Run the loop of an example DAG here, and return the example with what it returned."""
    from airflow.dag_processing.dagbag import DagBag

    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    def run_loop(name, task_id, **more):
        bag = DagBag(str(EXAMPLES / f"{name}.py"))
        task = bag.dags[f"qiskit_runtime_{name}"].get_task(task_id)
        function, client = task.python_callable, QiskitRuntimeHook().client
        found = run_hybrid(function, client, *task.op_args, journal=tmp_path / name, backend="ibm_fez", **more)
        return example(name), found

    return run_loop


def test_scipy_finds_the_ground_energy_of_hydrogen(run, emulator):
    module, found = run("h2_vqe", "minimise", params={"precision": 0.01})
    assert found["energy"] == pytest.approx(module.ground_energy(module.H2), abs=0.02)
    assert len(emulator.jobs()) == found["rounds"] + 1


def test_the_best_cut_is_among_the_samples(run, caplog):
    module, found = run("qaoa_maxcut", "best_cut")
    best = max(module.cut_size("".join(bits)) for bits in product("01", repeat=module.NODES))
    assert found["edges"] == best == len(module.EDGES)
    assert found["expected"] > len(module.EDGES) / 2 + 1
    assert [record.message for record in caplog.records if record.name.startswith("qiskit")] == []


def test_samples_name_the_states_of_the_ground_energy(run, tmp_path):
    module, found = run("sampled_diagonalization", "diagonalise")
    assert found["energies"] == sorted(found["energies"], reverse=True)
    assert found["energies"][-1] == pytest.approx(found["exact_energy"], abs=0.3)
    assert found["energies"][-1] >= found["exact_energy"] - 1e-9
    assert len(list((tmp_path / "sampled_diagonalization").rglob("*.npz"))) == module.ROUNDS
