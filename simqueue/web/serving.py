"""Serving: the site of a trace on 127.0.0.1, until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from simqueue.errors import UsageError
from simqueue.inspect.moments import Moments
from simqueue.model.files import reason
from simqueue.model.trace import Trace
from simqueue.web.dashboard import check_installed, dashboard
from simqueue.web.jumps import failure_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1"


def site_of(trace: Trace, at: int | None = None) -> tuple[ASGIApp, int]:
    """Return the site of a trace, and the event that it begins with.

    Args:
        trace: of the run to show.
        at: number of the event; that of the failure if None, or the last.

    Raises:
        UsageError: there is no such event, or no dashboard.
    """
    check_installed()
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from simqueue.web.site import Site

    moments = Moments(trace)
    failure = failure_of(trace)
    if not trace.events:
        raise UsageError("the trace has no events, after which there would be tables to show")
    start = at if at is not None else moments.last if failure is None else failure
    moments.check(start)
    # DNS rebinding: another site could resolve its own name to this address and read the pages.
    hosts = [HOST, "localhost"]
    site = TrustedHostMiddleware(Site(moments, dashboard(), start), hosts, www_redirect=False)
    return site, start


def serve(trace: Trace, at: int | None, port: int, say: Callable[[str], None]) -> None:
    """Serve a trace until Ctrl-C; call ``say`` with the address as soon as it can be opened.

    Raises:
        UsageError: there is no such event, no dashboard, or the port is taken.
    """
    site, start = site_of(trace, at)
    import uvicorn

    with _listening(port) as listener:
        say(f"http://{HOST}:{listener.getsockname()[1]}/at/{start}/")
        # The clock is set to the event's instant for each page, so a Date header would be wrong.
        config = uvicorn.Config(site, lifespan="off", log_level="warning", date_header=False)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        problem = f"--port {port}: cannot be listened on ({reason(error)})"
        raise UsageError(f"{problem}; name another, or none for any that is free") from None
    return listener
