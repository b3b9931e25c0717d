"""Invented answers of the pages' routes, which are the same each time, in Airflow's real frame."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = {"per_second": 1.6, "currency": "USD"}
Answer = Callable[[str, dict[str, str]], Any]


def serve(page: Page, answer: Answer) -> None:
    """Answer each question of the pages as a test says; what it has no answer for is asked of the server."""

    def handle(route: Route) -> None:
        parts = urlsplit(route.request.url)
        path = parts.path.partition("/qiskit-runtime/")[2]
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        found = answer(path, asked)
        if found is None:
            route.fallback()
        else:
            # The page shows an answer only if it is of its own DAG and run.
            found = {**found, **{name: asked[name] for name in ("dag_id", "run_id") if name in asked and name in found}}
            route.fulfill(body=json.dumps(found), content_type="application/json")

    page.route("**/qiskit-runtime/api/**", handle)


def iso(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


# The page Result


def result(**parts: Any) -> dict[str, Any]:
    about = {"dag_id": "d", "run_id": "r", "run_url": "/dags/d/runs/r", "message": "", "pages": 1, "page": 1}
    return {**about, "total": len(parts.get("tasks", [])), "tasks": [], "price": PRICE, "summary": None, **parts}


def task(**parts: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {"jobs": [], "plan": [], "pubs": [], "circuits": [], "downloads": []}
    about = {"task": "t", "task_id": "t", "map_index": -1, "url": "/t", "state": "success", "operator": "O", "note": ""}
    more = {"program": "sampler", "goes_on": False, "more_jobs": 0, "more_pubs": 0, "loop": None, "estimate": None}
    return {**about, **lists, **more, **parts}


def job(**parts: Any) -> dict[str, Any]:
    about = {"id": "d4k2job", "url": None, "state": "Completed", "backend": "ibm_fez", "program": "sampler"}
    times = {"created": iso(-600), "running": iso(-60), "finished": iso(-50)}
    cost = {"seconds": 8.0, "cost": 12.8, "in_session": False, "failure": None, "waiting": None}
    return {**about, "timeline": times, **cost, "note": "", "to_be_read": False, **parts}


def counts(index: int, found: dict[str, int], **parts: Any) -> dict[str, Any]:
    bars = [{"label": label, "count": count} for label, count in sorted(found.items())]
    point = {"at": "", "bars": bars, "rest": None, "total": sum(found.values()), "outcomes": len(found)}
    about = {"index": index, "kind": "counts", "shots": sum(found.values()), "points": [point], "more": 0, "note": ""}
    return {**about, "sweep": None, **parts}


def curve(points: int = 32) -> dict[str, Any]:
    """A sweep of one parameter, as curves."""
    angles = [2 * math.pi * place / (points - 1) for place in range(points)]
    ones = [math.sin(angle / 2) ** 2 for angle in angles]
    errors = [0.02] * points
    series = [
        {"name": "0", "values": [1 - one for one in ones], "errors": errors},
        {"name": "1", "values": ones, "errors": errors},
    ]
    return {"kind": "probability", "axes": [{"name": "theta", "values": angles}], "series": series}


def plane(rows: int = 8, columns: int = 12) -> dict[str, Any]:
    """A sweep of two parameters, as a heat map."""
    values = [math.cos(row / 3) * math.sin(column / 4) for row in range(rows) for column in range(columns)]
    axes = [{"name": "beta", "values": list(range(rows))}, {"name": "gamma", "values": list(range(columns))}]
    series = [{"name": "ZZ", "values": values, "errors": [0.01] * len(values)}]
    return {"kind": "value", "axes": axes, "series": series}


def loop(calls: int = 12) -> dict[str, Any]:
    energies = [-1.1 + 0.9 * math.exp(-place / 3) for place in range(calls)]
    rows = [
        {
            "call": place + 1,
            "name": "energy",
            "value": value,
            "error": 0.02,
            "shown": "",
            "jobs": [f"j{place}"],
            "spent": place + 1,
        }
        for place, value in enumerate(energies)
    ]
    points = [{"call": row["call"], "value": row["value"], "error": row["error"]} for row in rows]
    return {
        "calls": rows,
        "series": [{"name": "energy", "points": points}],
        "jobs": calls,
        "seconds": calls,
        "cost": 9.6,
    }


def summary() -> dict[str, Any]:
    bars = [
        {
            "id": f"job{place}",
            "task": f"measure_{place % 3}",
            "submission": str(1 + place // 3),
            "state": state,
            "backend": "ibm_fez",
            "session_id": None,
            "in_session": False,
            "seconds": 4.0,
            "settled": True,
            "cost": 6.4,
            "to_be_read": False,
            "created": iso(-600 + 40 * place),
            "running": iso(-500 + 60 * place),
            "finished": iso(-460 + 60 * place),
        }
        for place, state in enumerate(["Failed", "Completed", "Completed", "Completed", "Cancelled"])
    ]
    states = {"Failed": 1, "Completed": 3, "Cancelled": 1}
    known = {
        "charged": 20.0,
        "expected": 0,
        "cost": 32.0,
        "sessions": ["s1"],
        "more": 0,
        "complete": True,
        "fresh": True,
    }
    return {"jobs": 5, "states": states, "bars": bars, **known}


def waiting() -> dict[str, Any]:
    known = {"queue": 17, "wait_seconds": 5400.0, "expected_seconds": 12.0, "ends": None}
    times = {"created": iso(-300), "running": None, "finished": None}
    queued = job(state="Queued", timeline=times, waiting=known, seconds=None, cost=None)
    return result(tasks=[task(state="deferred", goes_on=True, jobs=[queued], note="The task waits for its job.")])


def full_result() -> dict[str, Any]:
    bell = counts(0, {"00": 480, "01": 12, "10": 9, "11": 499})
    ghz = counts(1, {"00": 380, "01": 112, "10": 109, "11": 399})
    refused = {"reason": "Not ISA.", "code": 1517, "solution": "Transpile it.", "retry": False}
    return result(
        summary=summary(),
        tasks=[
            task(task="bell", task_id="bell", jobs=[job()], pubs=[bell, ghz], downloads=["json", "csv"]),
            task(task="sweep", task_id="sweep", jobs=[job()], pubs=[counts(0, {"0": 5, "1": 995}, sweep=curve())]),
            task(
                task="plane",
                task_id="plane",
                jobs=[job()],
                pubs=[{**counts(0, {"0": 1}), "kind": "values", "points": [], "shots": None, "sweep": plane()}],
            ),
            task(task="loop", task_id="loop", loop=loop()),
            task(task="broken", task_id="broken", state="failed", jobs=[job(state="Failed", failure=refused)]),
        ],
    )


# The page Quantum


def jobs(count: int = 12) -> list[dict[str, Any]]:
    states = ("Queued", "Running", "Completed", "Completed", "Failed", "Cancelled")
    return [
        {
            "id": f"d4k2{place:04}",
            "url": "https://quantum.cloud.ibm.com/jobs/x",
            "state": states[place % 6],
            "word": states[place % 6],
            "reason": None,
            "backend": "ibm_fez" if place % 2 else "ibm_boston",
            "program": "executor",
            "tags": ["nightly"],
            "dag_id": f"dag_{place % 3}",
            "run_id": "scheduled__1",
            "task": "measure",
            "dag_url": f"/dags/dag_{place % 3}",
            "task_url": f"/dags/dag_{place % 3}/runs/scheduled__1/tasks/measure",
            "result": {"dag_id": f"dag_{place % 3}", "run_id": "scheduled__1", "task_id": "measure", "map_index": -1},
            "created": iso(-3600 * place),
            "queue": {"seconds": 340.0, "how": "waits" if place % 6 == 0 else "waited"},
            "run": {
                "seconds": 9.0,
                "how": "runs" if place % 6 == 1 else "ran",
                "ends": iso(60) if place % 6 == 1 else None,
            },
            "may_cancel": place % 6 < 2,
            "fate": "",
            "seconds": 8.0,
            "settled": place % 6 > 1,
            "cost": 12.8,
            "in_session": False,
        }
        for place in range(count)
    ]


def backend(name: str, **parts: Any) -> dict[str, Any]:
    about = {"name": name, "status": "online", "reason": "available", "available": True, "queue": 12, "qubits": 156}
    figures = {"two_qubit_error": 0.0021, "readout_error": 0.0075, "wait_seconds": 1800.0, "processor": "Heron r2"}
    calibration = {"when": iso(-7200), "two_qubit_error": 0.002, "readout_error": 0.007, "t1": 2e-4, "t2": 1e-4}
    queues = [[NOW.timestamp() - 300 * place, 10 + place % 7] for place in range(20)]
    return {**about, **figures, "calibration": {**calibration, "problem": ""}, "queues": queues, **parts}


def quantum(**parts: Any) -> dict[str, Any]:
    rows = jobs()
    known = {"total": len(rows), "all": len(rows), "page": 1, "pages": 1, "page_size": 25, "rows": rows}
    chosen = {"state": "", "dag_id": "", "backend": "", "tag": "", "text": "", "since": "", "until": ""}
    order = {"sort": "created", "reverse": False, "backends": ["ibm_boston", "ibm_fez"], "tags": ["nightly"]}
    states = {"Queued": 2, "Running": 2, "Completed": 4, "Failed": 2, "Cancelled": 2}
    spent = {"jobs": 4, "charged": 320.0, "expected": 8.0, "cost": 512.0, "share": 0.02}
    usage = {"consumed": 960.0, "limit": 36000.0, "remaining": 35040.0, "share": 0.0267, "reached": False}
    return {
        "message": "",
        "connections": ["qiskit_runtime_default"],
        "conn_id": "qiskit_runtime_default",
        "now": NOW.timestamp(),
        "freshness": {"state": "fresh", "message": "", "read_at": NOW.timestamp(), "complete": True},
        "problems": {},
        "cut": False,
        "price": PRICE,
        "jobs": {**known, **chosen, **order, "counts": states},
        "dags": [{"dag_id": f"dag_{place}", "url": f"/dags/dag_{place}", **spent} for place in range(3)],
        "backends": [
            backend("ibm_boston"),
            backend("ibm_fez"),
            backend("ibm_miami", status="paused", reason="maintenance", available=False),
        ],
        "instance": {**usage, "period_start": None, "period_end": None},
        **parts,
    }


def usage() -> dict[str, Any]:
    days = [(NOW.date() - timedelta(days=back)).isoformat() for back in reversed(range(28))]
    series = [
        {"name": f"dag_{place}", "seconds": [10 + 6 * math.sin(day / 3 + place) for day in range(28)]}
        for place in range(3)
    ]
    session = {
        "id": "3f0c",
        "dag_id": "dag_1",
        "backend": "ibm_fez",
        "state": "closed",
        "began": iso(-9000),
        "ended": iso(-8000),
        "jobs": 4,
        "held_seconds": 1000.0,
        "job_seconds": 320.0,
        "idle_seconds": 680.0,
        "cost": 1600.0,
    }
    return {"message": "", "conn_id": "x", "complete": True, "days": days, "series": series, "sessions": [session]}


# The page Trends


def trends(runs: int = 30) -> dict[str, Any]:
    points = [
        {
            "run_id": f"scheduled__{place}",
            "run_after": iso(86400 * (place - runs)),
            "state": "failed" if place == 11 else "success",
            "backend": "ibm_fez" if place < 18 else "ibm_boston",
            "value": None if place == 11 else -1.1 + 0.01 * math.sin(place) + 0.002 * place,
            "error": None if place == 11 else 0.01,
            "distance": None,
            "seconds": 8.0 + place % 3,
            "cost": 12.8,
            "queue_seconds": 600.0 * (1 + place % 5),
            "total_seconds": 700.0,
            "two_qubit_error": 0.002 + 0.0001 * (place % 4),
            "readout_error": 0.007,
            "url": f"/dags/d/runs/scheduled__{place}",
        }
        for place in range(runs)
    ]
    measures = [{"key": "ev:0:", "name": "energy", "kind": "ev"}, {"key": "ev:0:[1]", "name": "parity", "kind": "ev"}]
    chosen = {"task_id": "measure", "map_index": -1, "measure": "ev:0:", "measures": measures, "message": ""}
    pages = {"total": runs, "page": 1, "pages": 1, "page_size": 30, "to_be_read": False, "problem": ""}
    return {
        "dag_id": "d",
        "tasks": [{"task_id": "measure", "map_index": -1}],
        **chosen,
        "points": points,
        **pages,
        "price": PRICE,
    }


def machine() -> dict[str, Any]:
    qubits = [
        {
            "qubit": place,
            "x": (place % 6) / 5,
            "y": (place // 6) / 5,
            "readout_error": 0.005 + 0.001 * place,
            "t1": 1e-4,
        }
        for place in range(24)
    ]
    couplings = [{"qubits": [place, place + 1], "error": 0.001 * (1 + place)} for place in range(23) if place % 6 < 5]
    calibration = {"when": iso(-7200), "two_qubit_error": 0.002, "readout_error": 0.007, "t1": 2e-4, "t2": 1e-4}
    return {
        "name": "ibm_fez",
        "state": "read",
        "problem": "",
        "now": calibration,
        "history": [calibration],
        "qubits": qubits,
        "couplings": couplings,
    }


def everything(path: str, _asked: dict[str, str]) -> Any:
    """The answers of all routes, for pictures."""
    known: dict[str, Callable[[], Any]] = {
        "api/quantum": quantum,
        "api/usage": usage,
        "api/backend": machine,
        "api/result": full_result,
        "api/trends": trends,
    }
    return known[path]() if path in known else None
