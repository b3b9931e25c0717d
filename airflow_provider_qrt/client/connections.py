"""One connection pool for all clients of the process.

A connection costs a TLS handshake, and a task uses several clients: its own, that of a callback's hook, and in a
triggerer one for each kind of trigger. Sharing is safe because an HTTP connection holds no client's state: credentials
are in the requests, and cookies in each client's session.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from airflow_provider_qrt.client.bounds import BoundedAdapter

MOST_KEPT = 10
"""Idle connections kept per host."""


class SharedConnections(BaseAdapter):
    """Adapter for a ``requests`` session that sends over the connections shared by all clients of the process.

    The connections are closed with the last adapter that has used them. A closed adapter may be used again.
    """

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; see ``requests.adapters.HTTPAdapter.send``."""
        # Look the pool up each time: a client created before a fork must not use its parent's connections.
        return _pool.of(self).send(request, *args, **kwargs)

    def close(self) -> None:
        """Stop using the connections."""
        _pool.leave(self)


class _Pool:
    """The connections of this process, and the adapters that use them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._adapter: HTTPAdapter | None = None
        self._users: weakref.WeakSet[SharedConnections] = weakref.WeakSet()

    def of(self, user: SharedConnections) -> HTTPAdapter:
        """Return the adapter that holds the connections."""
        with self._lock:
            self._users.add(user)
            if self._adapter is None:
                self._adapter = BoundedAdapter(pool_maxsize=MOST_KEPT)
            return self._adapter

    def leave(self, user: SharedConnections) -> None:
        """Close the connections if this was their last user."""
        with self._lock:
            if user not in self._users:
                return
            self._users.discard(user)
            if self._users or self._adapter is None:
                return
            adapter, self._adapter = self._adapter, None
        adapter.close()


_pool = _Pool()


def _forget() -> None:
    """Start a new pool after a fork: the old one's lock may be held by a thread that the child does not have."""
    global _pool
    _pool = _Pool()


os.register_at_fork(after_in_child=_forget)
