"""``make screenshots``: pictures of the pages for README and docs, of what ``make ui`` shows."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tools.demo import DAG, NIGHTLY, ROOT, demo_airflow, fill, say
from tools.local_airflow import LocalAirflow

PATIENCE = 120_000
"""Milliseconds."""
WIDTH, HEIGHT = 1280, 900
LANDSCAPE, SWEEP = "energy_landscape", "qiskit_runtime_parameter_sweep"


def main() -> int:
    """Run the demo and keep the pictures in a folder."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="where to keep them")
    folder = arguments.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with demo_airflow(with_history=True) as (airflow, emulator):
        fill(airflow, emulator)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for name, picture in pictures(airflow, browser).items():
                say(f"{name}.png")
                (folder / f"{name}.png").write_bytes(picture())
            browser.close()
    return 0


def pictures(airflow: LocalAirflow, browser: Browser) -> dict[str, Callable[[], bytes]]:
    """Return what takes each picture, by name."""
    token = requests.get(f"{airflow.url}/auth/token", timeout=60).json()["access_token"]

    def visit(path: str, height: int = HEIGHT, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": WIDTH, "height": height}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "_token", "value": token, "url": airflow.url}])
        page = context.new_page()
        page.goto(f"{airflow.url}{path}")
        return page

    def result(dag_id: str) -> str:
        return f"/dags/{dag_id}/runs/{quote(last_run(airflow, dag_id), safe=':+')}/plugin/quantum-result"

    def trends() -> bytes:
        page = visit(f"/dags/{NIGHTLY}/plugin/quantum-trends", 1250)
        page.get_by_test_id("trend-queue").wait_for()
        return settled(page)

    def one_result(dag_id: str, what: str, height: int, scheme: str = "light") -> bytes:
        page = visit(result(dag_id), height, scheme)
        page.get_by_test_id("summary").wait_for()
        page.get_by_test_id(what).first.wait_for()
        return settled(page)

    def circuit() -> bytes:
        page = visit(result(DAG), 1000)
        page.get_by_test_id("sent").first.locator("summary").first.click()
        page.locator("[data-testid=placed-map][data-drawn=yes]").first.wait_for()
        page.get_by_test_id("sent").first.evaluate("node => node.scrollIntoView()")
        return settled(page)

    def machine() -> bytes:
        page = visit("/plugin/quantum")
        page.get_by_test_id("backend-details").first.click()
        page.locator("[data-testid=machine-map][data-drawn=yes]").wait_for()
        return settled(page)

    def beside() -> bytes:
        pages = [settled(visit(path)) for path in ("/dags", "/plugin/quantum", "/assets")]
        return side_by_side([Image.open(io.BytesIO(page)) for page in pages])

    return {
        "quantum": lambda: settled(visit("/plugin/quantum", 2000)),
        "machine": machine,
        "result": lambda: one_result(LANDSCAPE, "heat-map", 1500),
        "result-dark": lambda: one_result(SWEEP, "sweep-curves", 1150, "dark"),
        "circuit": circuit,
        "trends": trends,
        "beside-airflow": beside,
    }


def last_run(airflow: LocalAirflow, dag_id: str) -> str:
    """Return the id of a DAG's newest run."""
    [run] = airflow.api("GET", f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit=1")["dag_runs"]
    return str(run["dag_run_id"])


def settled(page: Page) -> bytes:
    """Return a picture of a page when it has loaded and is not being changed."""
    page.wait_for_load_state("networkidle")
    # Pages ask again every few seconds, until they have everything.
    page.wait_for_timeout(8000)
    return page.screenshot()


def side_by_side(images: list[Image.Image], width: int = 720, gap: int = 12) -> bytes:
    """Return pictures of one size beside each other."""
    small = [image.convert("RGB").resize((width, image.height * width // image.width)) for image in images]
    whole = Image.new("RGB", (len(small) * (width + gap) - gap, small[0].height), "white")
    for place, image in enumerate(small):
        whole.paste(image, (place * (width + gap), 0))
    kept = io.BytesIO()
    whole.save(kept, "PNG", optimize=True)
    return kept.getvalue()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
