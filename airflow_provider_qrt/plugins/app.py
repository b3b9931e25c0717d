"""The pages' application in Airflow's API server. All its routes need Airflow's login.

No route waits for IBM: :mod:`~airflow_provider_qrt.plugins.readings` asks the service in the background.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, urlencode

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from airflow_provider_qrt.plugins import quantum_routes, result_routes, trend_routes
from airflow_provider_qrt.plugins.addresses import run_page
from airflow_provider_qrt.plugins.answers import airflow_path

STATIC = Path(__file__).parent / "static"
MEDIA = {".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
PAGES = ("/", "/result")


def create_app() -> FastAPI:
    """Build the application that Airflow's API server mounts."""
    app = FastAPI(
        title="IBM Quantum pages", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)]
    )
    for routes in (quantum_routes, result_routes, trend_routes):
        app.include_router(routes.router)
    app.add_api_route("/", quantum_page)
    app.add_api_route("/result", result_page)
    app.add_api_route("/static/{name:path}", static_file)

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        """Redirect a page request without a login to Airflow's login page; return the error to all others."""
        path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
        if error.status_code == 401 and path in PAGES:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{airflow_path()}/api/v2/auth/login?next={quote(here, safe='')}", 307)
        return JSONResponse({"detail": error.detail}, error.status_code)

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def quantum_page(request: Request) -> Response:
    """Lead a bookmark of the page *Quantum* to its place in Airflow's UI."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{airflow_path()}/plugin/quantum{query}", 307)


def result_page(dag_id: str = "", run_id: str = "", task_id: str = "", map_index: int = -1) -> Response:
    """Lead a bookmark of the page *Quantum result* to its place in Airflow's UI."""
    if not dag_id or not run_id:
        return RedirectResponse(f"{airflow_path()}/plugin/quantum", 307)
    query = f"?{urlencode({'task_id': task_id, 'map_index': map_index})}" if task_id else ""
    return RedirectResponse(f"{run_page(airflow_path(), dag_id, run_id)}/plugin/quantum-result{query}", 307)


def static_file(name: str) -> FileResponse:
    """Return a script or image of the pages."""
    known = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.suffix in MEDIA}
    if name not in known:
        raise HTTPException(404, "There is no such file.")
    path = known[name]
    return FileResponse(path, media_type=MEDIA[path.suffix], headers={"Cache-Control": "no-cache"})
