"""Small checks of JSON values; each answers HTTP 400 with a message that says where the wrong value is."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.emulator.errors import bad_request


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise bad_request(f"{where} must be a JSON object.")
    return value


def text(body: dict[str, Any], key: str, longest: int = 1000) -> str | None:
    """Return an optional string, limited to a number of characters."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise bad_request(f"{key} must be a string of 1 to {longest} characters.")
    return value


def boolean(body: dict[str, Any], key: str, where: str) -> bool:
    """Return an optional boolean; absent is false."""
    value = body.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_request(f"{key} in {where} must be true or false.")
    return value


def shots(value: Any, where: str) -> int | None:
    """Return an optional number of shots, at least one."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad_request(f"{where} must be a whole number of at least one shot.")
    return value


LEAST_PRECISION, MOST_PRECISION = 1e-6, 1e3


def precision(value: Any, where: str) -> float | None:
    """Return an optional precision, in the range that converts to a number of shots."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request(f"{where} must be a number.")
    if not LEAST_PRECISION <= value <= MOST_PRECISION:
        raise bad_request(f"{where} must be from {LEAST_PRECISION:g} to {MOST_PRECISION:g}.")
    return float(value)


def refuse_unknown(given: dict[str, Any], known: frozenset[str], where: str) -> None:
    """Refuse keys that are not allowed in an object."""
    unknown = sorted(set(given) - known)
    if unknown:
        raise bad_request(f"Unknown in {where}: {', '.join(unknown)}.", "Leave these keys out.")


def circuit(value: Any, where: str) -> tuple[str, bool]:
    """Return a circuit as OpenQASM 3 text or as QPY, and whether it is QPY."""
    is_qpy = isinstance(value, dict)
    if is_qpy:
        if value.get("__type__") != "QuantumCircuit":
            raise bad_request(f"{where} is an object, but not an encoded QuantumCircuit.")
        value = value.get("__value__")
    if not isinstance(value, str) or not value:
        raise bad_request(f"{where} must be OpenQASM 3 text or an encoded QuantumCircuit.")
    return value, is_qpy
