"""Parts of the answers of all pages' routes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from fastapi import HTTPException, Query
from fastapi.responses import Response

from airflow_provider_qrt import config
from airflow_provider_qrt.plugins.overview import Price
from airflow_provider_qrt.plugins.task_results import harmless
from airflow_provider_qrt.primitives.results.plain_json import strict_json

LARGEST = 2**31 - 1
"""Largest integer in a URL: the largest that Airflow's database can compare with."""
MapIndex = Annotated[int, Query(ge=-1, le=LARGEST)]
NO_PRICE = "[qiskit_runtime] price_per_second is not a number. Correct it and restart Airflow's API server."


def airflow_path() -> str:
    """Return the path of Airflow's own pages, without a trailing slash."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


def price() -> Price:
    """Return the price of a QPU second: ``[qiskit_runtime] price_per_second`` in ``price_currency``.

    Raises:
        HTTPException: 500: the setting is no number.
    """
    try:
        return Price(*config.price())
    except ValueError:
        raise HTTPException(500, NO_PRICE) from None


def json_answer(content: dict[str, Any], status: int = 200) -> Response:
    """Write untrusted content as strict JSON: without NaN, and with lone surrogates escaped."""
    return Response(json.dumps(strict_json(content), allow_nan=False), status, media_type="application/json")


def csv_answer(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """Write a table as a file for spreadsheets, in which nothing is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return file_answer(name, out.getvalue().encode("utf-8", "replace"), "text/csv")


def file_answer(name: str, content: bytes, media: str) -> Response:
    """Return a file to be saved under a name, in which other than plain characters are replaced."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    said = f'filename="{plain}"' if plain.isascii() else f"filename*=UTF-8''{quote(plain, safe='')}"
    return Response(content, media_type=media, headers={"Content-Disposition": f"attachment; {said}"})
