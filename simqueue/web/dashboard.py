"""PgQueuer's dashboard, unmodified, over a connection that reads the tables at a moment."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from simqueue.errors import PostgresError, UsageError
from simqueue.web.looking import LookingConnection

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

_ERROR_PAGE = """
{% extends "base.html" %}
{% block title %}pgqueuer · {{ status }}{% endblock %}
{% block content %}<h1>{{ status }}</h1><p class="empty">{{ message }}</p>{% endblock %}
"""


def check_installed() -> None:
    """Raise ``UsageError`` if PgQueuer has no dashboard, or a dependency of it is missing."""
    try:
        import fastapi
        import uvicorn

        del fastapi, uvicorn
    except ImportError as error:
        needed = f"it needs {error.name or 'FastAPI and uvicorn'}"
        raise UsageError(f"no dashboard: {needed}; pip install 'simqueue[web]'") from None
    try:
        import pgqueuer.adapters.web.routes
    except ImportError as error:
        if not (error.name or "").startswith("pgqueuer"):
            raise
        installed = f"PgQueuer {version('pgqueuer')} has none"
        raise UsageError(f"no dashboard: {installed}; install 1.3 or newer") from None
    del pgqueuer


def dashboard() -> FastAPI:
    """Return the dashboard. A page reads the tables in ``looking.LOOK`` while it is rendered."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from pgqueuer.adapters.web.routes import create_web_router
    from starlette.exceptions import HTTPException

    from simqueue.adapter import InMemoryDriver, InMemoryQueries

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.pgq_queries = InMemoryQueries(InMemoryDriver(connection=LookingConnection()))
    # Nothing changes, so there is nothing to push.
    app.include_router(create_web_router(include_sse=False))
    for error in (HTTPException, RequestValidationError, PostgresError, Exception):
        app.add_exception_handler(error, _refused)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Return a page of the dashboard that shows an error and keeps the dashboard's links."""
    from pgqueuer.adapters.web.routes import create_templates
    from starlette.responses import HTMLResponse

    status, message = _status_and_message(error)
    page = create_templates().env.from_string(_ERROR_PAGE)
    shown = page.render(request=request, sse_enabled=False, status=status, message=message)
    return HTMLResponse(shown, status)


def _status_and_message(error: Exception) -> tuple[int, str]:
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    match error:
        case HTTPException():
            return error.status_code, f"{error.detail}, as things stood after this event"
        case RequestValidationError():
            return 422, "the address names nothing that the dashboard knows"
        case PostgresError():
            return 400, f"the server would have rejected that: {error}"
        case _:
            return 500, f"the dashboard failed: {type(error).__name__}: {error}"
