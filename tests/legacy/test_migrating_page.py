"""The statements in docs/migrating.md about the documents' code are true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt.client.channels.legacy.classic import LOGIN_HOST
from airflow_provider_qrt.client.channels.legacy.older import CLASSIC_HOST
from airflow_provider_qrt.client.limits import API_VERSION
from airflow_provider_qrt.client.versions import SUNSETS
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "migrating.md").read_text()
HEAD = 'OPENQASM 3; include "stdgates.inc"; '
FLIP = "qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];"


def test_hosts_versions_and_dates_are_those_of_the_code():
    for host in (CLASSIC_HOST, LOGIN_HOST):
        assert host.removeprefix("https://") in PAGE
    sunset = SUNSETS["2025-05-01"].isoformat()
    assert f"it is `{API_VERSION}`. IBM may stop serving the other on any day after {sunset}" in PAGE


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", PAGE)
    assert len(links) > 15
    for path, anchor in links:
        there = DOCS / (path or "migrating.md")
        assert there.exists(), path
        assert not anchor or anchor in anchors(there.read_text()), (path, anchor)


def test_the_documents_circuit_may_stay(connection, context):
    assert f"| `{FLIP}` |" in PAGE
    task = QiskitRuntimeSamplerOperator(task_id="run", circuits=HEAD + FLIP, backend="ibm_fez", poll_interval=0.02)
    [circuit] = task.execute(context)["results"]
    assert circuit["counts"]["1"] > 0.9 * circuit["shots"]


def test_a_circuit_of_other_gates_is_refused_before_anything_is_sent(connection, context, sent):
    [gates] = re.findall(r'^OLD = """OPENQASM 3; include "stdgates.inc"; (.*?)"""', PAGE, re.DOTALL | re.MULTILINE)
    task = QiskitRuntimeSamplerOperator(task_id="run", circuits=HEAD + gates, backend="ibm_fez")
    with pytest.raises(AirflowFailException, match=r"line 1.*h .*0"):
        task.execute(context)
    assert sent("POST /jobs") == []


def test_the_archive_block_reads_an_answer_of_the_older_services(tmp_path):
    from airflow.dag_processing.dagbag import DagBag

    [block] = [
        text for text in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) if "archive" in text
    ]
    lines = [
        "from airflow.sdk import DAG",
        "with DAG('page', schedule=None):",
        *(f"    {one}" for one in block.split("\n")),
    ]
    (tmp_path / "page.py").write_text("\n".join(lines))
    bag = DagBag(dag_folder=str(tmp_path / "page.py"))
    assert bag.import_errors == {}
    mean = bag.dags["page"].get_task("mean_of_archive").python_callable
    # As document 001 prints them, shortened.
    answer = {
        "quasi_dists": [
            {"0": 0.002374284670644156, "1": 0.997625715329356},
            {"0": -0.002191647388286806, "1": 1.0021916473882868},
        ],
        "metadata": [{"shots": 4000, "circuit_metadata": {}}] * 2,
    }
    saved = tmp_path / "sampler.json"
    saved.write_text(json.dumps(answer))
    assert mean(str(saved)) == pytest.approx((0.997625715329356 + 1) / 2)
