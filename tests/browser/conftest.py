"""One Airflow with a login, one emulator and one Chromium for all tests of this folder."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from airflow_provider_qrt.emulator import Emulator
from tests.browser.steps import BELL_PAIR, PATIENCE, define_connection
from tools.airflow_with_login import AirflowWithLogin
from tools.demo import ROOT

QUICK = {"queue_seconds": 1, "run_seconds": 0.5}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep", action="store_true", help="keep how the pages look now, for later comparisons")
    parser.addoption("--pictures", type=Path, metavar="FOLDER", help="keep pictures of what the tests see")


@pytest.fixture(scope="session")
def service() -> Iterator[Emulator]:
    with Emulator(api_key=f"key-{secrets.token_hex(12)}", rate_limit=False, **QUICK) as running:
        yield running


@pytest.fixture(autouse=True)
def calm_service(service: Emulator) -> Iterator[None]:
    service.configure(**QUICK)
    yield
    service.configure(**QUICK)


@pytest.fixture(scope="session")
def airflow(service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowWithLogin]:
    """``operator`` may do all but administrate, ``outsider`` reads all DAGs but the secret one, ``nobody`` none."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(Path(__file__).parent / "dags", dags)
    shutil.copytree(ROOT / "example_dags" / "circuits", dags / "circuits")
    shutil.copy(ROOT / "example_dags" / "bell_pair.py", dags)
    with AirflowWithLogin(
        home,
        dags,
        users={"operator": "op", "outsider": "viewer", "nobody": ""},
        settings={"AIRFLOW__CORE__AUTH_MANAGER": "tests.plugins.partial_rights.PartialRights", "PYTHONPATH": str(ROOT)},
    ) as running:
        yield running


@pytest.fixture(scope="session")
def runs(airflow: AirflowWithLogin, service: Emulator) -> dict[str, str]:
    """A finished run of each DAG."""
    define_connection(airflow, service)
    started = {dag_id: airflow.trigger(dag_id) for dag_id in (BELL_PAIR, "secret_coin")}
    for dag_id, run_id in started.items():
        airflow.expect_end(dag_id, run_id)
    return started


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser that finds nothing but this machine."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("No Chromium here. `make test-browser` installs it.")
    only_here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", only_here])
        yield browser
        browser.close()


@pytest.fixture
def visit(
    chromium: Browser, airflow: AirflowWithLogin, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Page]]:
    """Opens a tab for a user who has logged in, or, without a name, for one who has yet to.

    The test fails if any page asked something of any other machine, or had an error of its own.
    """
    contexts: list[BrowserContext] = []
    strays: list[str] = []
    errors: list[str] = []

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            strays.append(url)

    def open_tab(
        user: str | None = None, scheme: str = "light", *, width: int = 1280, height: int = 900, script: str = ""
    ) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        if script:
            context.add_init_script(script)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda sent: note(sent.url))
        context.on("weberror", lambda error: errors.append(str(error.error)))
        if user is not None:
            context.add_cookies([{"name": "_token", "value": airflow.token_of(user), "url": airflow.url}])
        return context.new_page()

    failed_before = request.session.testsfailed
    yield open_tab
    if request.session.testsfailed > failed_before:
        for number, page in enumerate(page for context in contexts for page in context.pages):
            page.screenshot(path=tmp_path / f"{number}.png")
            print(f"{page.url}, see {tmp_path}/{number}.png:\n{page.locator('body').aria_snapshot()}")
    for context in contexts:
        context.close()
    assert strays == []
    assert errors == []


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture of what a tab shows, if pictures are wanted."""
    folder: Path | None = request.config.getoption("--pictures")

    def take(page: Page, name: str) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            # Accordions, drawers and messages take their time to unfold.
            page.wait_for_timeout(700)
            page.screenshot(path=folder / f"{name}.png")

    return take
