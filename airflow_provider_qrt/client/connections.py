"""Connections: one pool for all clients of the process.

A connection costs a TLS handshake, and a task uses the service through more than one client: its own, the hook of a
callback, in a triggerer that of each kind of trigger. HTTP keeps no state in a connection that one client must not see
of another; credentials are in the requests, cookies in each client's session.
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
"""Idle connections that are kept to one host."""


class SharedConnections(BaseAdapter):
    """Sends over the connections of all clients of the process; to be mounted in a ``requests`` session.

    They are closed when the last that has used them is closed. One that was closed may be used again.
    """

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; see ``requests.adapters.HTTPAdapter.send``."""
        # Asked each time: a client made before a fork must not use its parent's connections.
        return _pool.of(self).send(request, *args, **kwargs)

    def close(self) -> None:
        """Be done with the connections."""
        _pool.leave(self)


class _Pool:
    """The connections of this process, and who uses them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._adapter: HTTPAdapter | None = None
        self._users: weakref.WeakSet[SharedConnections] = weakref.WeakSet()

    def of(self, user: SharedConnections) -> HTTPAdapter:
        """The adapter that holds them."""
        with self._lock:
            self._users.add(user)
            if self._adapter is None:
                self._adapter = BoundedAdapter(pool_maxsize=MOST_KEPT)
            return self._adapter

    def leave(self, user: SharedConnections) -> None:
        """Close them after the last."""
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
    """Leave a fork's parent its connections, and a lock that a thread may hold which is not there."""
    global _pool
    _pool = _Pool()


os.register_at_fork(after_in_child=_forget)
