"""Every Python block in the pages runs separately in a DAG file, with its jobs on the emulator.

A block that is part of an example DAG runs there. Every page can be reached from the README and the site.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "example_dags"
CIRCUITS = EXAMPLES / "circuits"
NAMED_FILES = ("bell.qasm", "one.qasm", "two.qasm", "three.qasm")
"""Circuits that pages speak of as the reader's own."""

PARAMS = {"backend": "ibm_fez", "max_queue": 20, "job_id": "d5edd5qgim5s73aecqr0", "qubits": 100}
"""Values that templates on the pages take from the reader's DAG."""

NOT_A_DAG = "testing-your-dags"
"""A project of several files, which is run as one elsewhere."""


@dataclass(frozen=True)
class Block:
    page: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def blocks() -> list[Block]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = []
    for page in pages:
        texts = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        found += [Block(page.stem, number, text) for number, text in enumerate(texts) if page.stem != NOT_A_DAG]
    return [block for block in found if not is_excerpt(block)]


def is_excerpt(block: Block) -> bool:
    """Whether an example DAG has the same lines, so that they run there."""
    return any(
        textwrap.indent(block.text, " " * depth) in example.read_text()
        for example in EXAMPLES.rglob("*.py")
        for depth in (4, 8, 12)
    )


BLOCKS = blocks()
SUBMITS = re.compile(
    r"QiskitRuntime(Sampler|Estimator|Executor|NoiseLearner|SubmitJob)Operator\("
    r"|^@(task\.)?qiskit_(?!hybrid|.*map_index)",
    re.MULTILINE,
)
SUBMITTING = [one for one in BLOCKS if SUBMITS.search(one.text)]
BUCKET = "s3://my-bucket"
"""Not everybody has the Airflow provider for S3 installed; a folder stands in for it."""


def load(block: Block, folder: Path) -> list[Any]:
    """The DAGs of a file that holds the block inside a DAG of its own, beside the circuits it names."""
    from airflow.dag_processing.dagbag import DagBag

    shutil.copytree(CIRCUITS, folder / "circuits")
    for name in NAMED_FILES:
        shutil.copy(CIRCUITS / "bell_phi.qasm", folder / name)
    file = folder / "the_page.py"
    body = textwrap.indent(block.text, "    ")
    params = ", ".join(f"{name!r}: {value!r}" for name, value in PARAMS.items())
    file.write_text(f"from airflow.sdk import DAG\nwith DAG('the_page', schedule=None, params={{{params}}}):\n{body}")
    bag = DagBag(dag_folder=str(file))
    assert bag.import_errors == {}
    return list(bag.dags.values())


def pages_in(contents: str) -> list[str]:
    """The pages that a page with lists of contents (``toctree``) leads to, from docs/ on."""
    folder = Path(contents).parent
    lists = re.findall(r"^```\{toctree\}\n(.*?)^```", (ROOT / "docs" / contents).read_text(), re.DOTALL | re.MULTILINE)
    names = [line for text in lists for line in text.splitlines() if line and not line.startswith(":")]
    return [(folder / f"{name}.md").as_posix() for name in names]


def tasks(dags: list[Any]) -> dict[str, Any]:
    """All tasks, with the names of their operators."""
    return {
        f"{task.dag_id}.{task.task_id} {getattr(task, 'operator_class', type(task)).__name__}": task
        for dag in dags
        for task in dag.tasks
    }


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_runs_alone_in_a_dag_file(block, tmp_path):
    assert "the_page" in {dag.dag_id for dag in load(block, tmp_path)}


@pytest.mark.parametrize("block", SUBMITTING, ids=str)
def test_the_job_that_a_block_submits_completes(block, tmp_path, context, connection):
    from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator

    found = [task for task in tasks(load(block, tmp_path)).values() if isinstance(task, QiskitRuntimeJobOperator)]
    assert found
    value = {"backend": "ibm_fez"}
    for task in found:
        task.session_id = None
        task.result_path = task.result_path and task.result_path.replace(BUCKET, str(tmp_path))
        task.deferrable = False
        task.poll_interval = 0.02
        task.wait_for_completion = True
        task.dry_run = False
        task.get_dag().resolve_template_files()
        context["ti"].pushed["return_value"] = value
        whole = {**context, "params": PARAMS, "run_id": context["ti"].run_id}
        task.render_template_fields(whole)
        value = task.execute(whole)
        assert value["status"] == "Completed"


def test_the_loop_of_a_page_runs_to_its_end(tmp_path, context, connection):
    block = next(one for one in BLOCKS if "@qiskit_hybrid_task" in one.text)
    [task] = tasks(load(block, tmp_path)).values()
    task.backend, task.poll_interval = "ibm_fez", 0.02
    task.render_template_fields(context)
    found = task.execute(context)
    assert len(found["angles"]) == 2
    # The lowest value that a product state can have, less the noise.
    assert found["energy"] < -0.6


def test_the_pages_show_every_operator(tmp_path):
    shown = {name.split()[-1] for block in BLOCKS for name in tasks(load(block, tmp_path / str(block)))}
    assert shown >= {
        "QiskitRuntimeSamplerOperator",
        "QiskitRuntimeEstimatorOperator",
        "QiskitRuntimeExecutorOperator",
        "QiskitRuntimeNoiseLearnerOperator",
        "QiskitRuntimeSubmitJobOperator",
        "QiskitRuntimeGetResultOperator",
        "QiskitRuntimeCancelJobOperator",
        "QiskitRuntimeCalibrateOperator",
        "QiskitRuntimeCreateSessionOperator",
        "QiskitRuntimeCloseSessionOperator",
        "QiskitRuntimeJobSensor",
        "QiskitRuntimeBackendSensor",
    }


def test_every_page_is_in_the_navigation_once():
    listed = [page for contents in ("index.md", "reference/index.md") for page in pages_in(contents)]
    there = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(there - {"index.md"})


def test_the_readme_links_to_every_page():
    linked = set(re.findall(r"\]\(docs/([\w/-]+\.md)", (ROOT / "README.md").read_text()))
    assert set(pages_in("index.md")) - linked == {"changelog.md", "contributing.md"}


def test_the_circuit_of_the_first_page_makes_a_bell_pair(context, connection):
    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    page = (ROOT / "docs" / "getting-started.md").read_text()
    (circuit,) = re.findall(r"^```text\n(OPENQASM.*?)^```", page, re.DOTALL | re.MULTILINE)
    measure = QiskitRuntimeSamplerOperator(
        task_id="measure", circuits=circuit, shots=200, deferrable=False, poll_interval=0.02
    )
    counts = measure.execute(context)["results"][0]["counts"]
    assert set(counts) == {"00", "11"}
