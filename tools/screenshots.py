"""``make screenshots``: the pictures in docs/images, taken from the running UI with headless Chromium."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from airflow_provider_qrt.emulator import Emulator
from tools.demo import DAG, ROOT, define_connection
from tools.local_airflow import LocalAirflow

IMAGES = ROOT / "docs" / "images"


def main() -> int:
    """Start everything, take the pictures, stop everything."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments.add_argument("--to", type=Path, default=IMAGES)
    options = arguments.parse_args()
    if not options.chromium:
        sys.exit("No Chromium here. On Debian: apt-get install chromium; elsewhere give --chromium PATH.")
    options.to.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="qrt-shots-") as folder,
        Emulator(queue_seconds=12, run_seconds=1) as emulator,
        LocalAirflow(Path(folder), ROOT / "example_dags") as airflow,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        connection_form(page, airflow, options.to / "connection-form.png")
        define_connection(airflow, emulator)
        run_id = airflow.trigger(DAG)
        airflow.wait_for_task_state(DAG, run_id, "measure", "deferred")
        task = f"{airflow.url}/dags/{DAG}/runs/{run_id}/tasks/measure"
        picture(page, f"{task}/details", options.to / "task-deferred.png")
        airflow.wait_for_run(DAG, run_id)
        picture(page, f"{task}/xcom", options.to / "xcom.png")
        browser.close()
    return 0


def connection_form(page: Page, airflow: LocalAirflow, path: Path) -> None:
    """The form as it opens for our connection type."""
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_role("textbox", name="Connection ID").or_(page.locator("[name=connection_id]")).first.fill(
        "qiskit_runtime_default"
    )
    page.get_by_role("combobox").first.click()
    page.keyboard.type("Quantum")
    page.keyboard.press("Enter")
    page.get_by_text("Extra Fields", exact=True).click()
    page.wait_for_timeout(1500)
    page.screenshot(path=path)


def picture(page: Page, url: str, path: Path) -> None:
    """A page, once it has stopped loading."""
    page.goto(url)
    page.wait_for_timeout(4000)
    page.screenshot(path=path)


if __name__ == "__main__":
    sys.exit(main())
