"""A QPY file is read if the DAG file names it, or if it is in a folder from which the deployment allows files."""

from __future__ import annotations

import stat

import pytest
from qiskit import QuantumCircuit, qpy

from airflow_provider_qrt.arguments.circuit_files import with_files, written_names
from airflow_provider_qrt.execution.result import Destination
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.pubs import coerce_pubs
from airflow_provider_qrt.storage.files import write_text
from airflow_provider_qrt.untrusted.files import read_file, within


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "other_team" / "molecule.qpy"
    path.parent.mkdir()
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with path.open("wb") as file:
        qpy.dump(circuit, file)
    return path


@pytest.fixture
def allowed(tmp_path, monkeypatch):
    folder = tmp_path / "circuits"
    folder.mkdir()
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_FOLDERS", f"{tmp_path}/none, {folder}, relative")
    return folder


def test_a_text_names_no_file(secret):
    for name in (str(secret), f"{secret.parent}/../other_team/molecule.qpy", f"{secret.parent}/none.qpy", "a\0b.qpy"):
        with pytest.raises(InvalidInputError, match="not opened here"):
            coerce_pubs([name])
    assert len(coerce_pubs([secret])) == 1


def test_what_stands_in_the_dag_file_is_read(secret, allowed):
    written = frozenset(written_names([(str(secret), None), "{{ params.name }}.qpy", {"a": "x.qpy"}]))
    assert written == {str(secret), "x.qpy"}
    [circuit] = with_files([str(secret)], written)
    assert len(coerce_pubs([circuit])) == 1


def test_the_words_are_the_same_whether_there_is_such_a_file_or_not(secret, allowed):
    said = set()
    for name in (str(secret), str(secret.with_name("none.qpy"))):
        with pytest.raises(InvalidInputError) as refused:
            with_files([name], frozenset())
        said.add(str(refused.value).replace(name, ""))
    assert len(said) == 1


def test_data_may_name_what_lies_in_an_allowed_folder(secret, allowed):
    inside = allowed / "deep" / "bell.qpy"
    inside.parent.mkdir()
    inside.write_bytes(secret.read_bytes())
    (allowed / "link.qpy").symlink_to(secret)
    assert with_files("deep/bell.qpy", frozenset()) == inside
    assert with_files((str(inside), None), frozenset()) == (inside, None)
    for name in (
        "../other_team/molecule.qpy",
        f"{allowed}/../other_team/molecule.qpy",
        "link.qpy",
        f"{allowed}x/a.qpy",
    ):
        with pytest.raises(InvalidInputError):
            with_files(name, frozenset())


def test_only_ordinary_files_of_a_bounded_size_are_read(tmp_path):
    import os

    pipe, large = tmp_path / "pipe.qpy", tmp_path / "large.qpy"
    os.mkfifo(pipe)
    large.write_bytes(b"x" * 100)
    with pytest.raises(OSError, match="no ordinary file"):
        read_file(pipe)
    with pytest.raises(OSError, match="larger than 99"):
        read_file(large, 99)
    assert read_file(large, 100) == b"x" * 100
    assert within("a\0.qpy", [tmp_path]) is None


@pytest.mark.parametrize("job_id", ["../dags/config", "..", "", "a/b", "a\0", ".hidden", "a..b", "x" * 200])
def test_only_an_id_names_a_file(job_id, tmp_path):
    for destination in (Destination(str(tmp_path)), Destination(f"{tmp_path}/one.json")):
        with pytest.raises(InvalidInputError):
            destination.raw_file(job_id)
    with pytest.raises(InvalidInputError):
        Destination(str(tmp_path)).file(job_id)
    assert Destination(str(tmp_path)).file("d5edd5qgim5s73aecqr0") == f"{tmp_path}/d5edd5qgim5s73aecqr0.json"


def test_a_private_file_is_its_owners_and_others_follow_the_umask(tmp_path):
    import os

    old = tmp_path / "old.json"
    old.touch(0o644)
    before = os.umask(0o027)
    try:
        write_text(str(tmp_path / "private.json"), "x", private=True)
        write_text(str(old), "x", private=True)
        write_text(str(tmp_path / "open.json"), "x")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"private.json": 0o600, "old.json": 0o600, "open.json": 0o640}


# Mapped tasks


@pytest.fixture
def mapped():
    """Makes a mapped task in a DAG of its own, as a DAG file does; gives what a worker makes of it."""
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    def make(data, *, partial=None, **expand):
        with DAG("mapped", schedule=None):
            task = QiskitRuntimeSamplerOperator.partial(task_id="measure", **(partial or {})).expand(**expand)
        return task.unmap(data)

    return make


def test_a_mapped_task_reads_what_its_dag_file_names(mapped, secret):
    literal = str(secret)
    task = mapped({"circuits": literal}, circuits=[literal, "other.qpy"])
    assert task.given_circuits() == secret
    assert mapped({"shots": 10}, partial={"circuits": literal}, shots=[10, 20]).given_circuits() == secret


def test_a_mapped_task_reads_nothing_that_data_names(mapped, secret):
    from airflow.sdk import DAG, task

    with DAG("upstream", schedule=None):

        @task
        def names():
            return [str(secret)]

        upstream = names()
        from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

        measure = QiskitRuntimeSamplerOperator.partial(task_id="measure").expand(circuits=upstream)
    with pytest.raises(InvalidInputError, match="circuit_folders"):
        measure.unmap({"circuits": str(secret)}).given_circuits()
    # Nor beside names that the DAG file does name.
    with pytest.raises(InvalidInputError, match="circuit_folders"):
        mapped({"circuits": str(secret)}, circuits=["other.qpy"]).given_circuits()


def test_a_mapped_function_may_be_given_names_by_the_dag_file_only(secret):
    from airflow.sdk import DAG, task

    with DAG("mapped_function", schedule=None):

        @task.qiskit_sampler
        def measure(name):
            return name

        mapped_task = measure.expand(name=[str(secret), "other.qpy"]).operator
    unmapped = mapped_task.unmap({"op_kwargs": {"name": str(secret)}})
    unmapped.circuits = str(secret)
    assert unmapped.given_circuits() == secret
    unmapped.circuits = str(secret.with_name("another.qpy"))
    with pytest.raises(InvalidInputError, match="circuit_folders"):
        unmapped.given_circuits()
