"""The application: the routes, and what stands before them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from server import __version__
from server.api.bodies import SmallBodies
from server.api.errors import add_error_handlers
from server.api.metrics import MeasuredRequests, ServerMetrics
from server.api.routes import content, files, models, server, uploads, videos
from server.api.schemas import ErrorAnswer
from server.api.security import AllowedHosts, Guard
from server.api.services import Services
from server.api.streams import GoneReaders


def create_app(services: Services, hosts: AllowedHosts, token: str | None = None) -> ASGIApp:
    """The whole application over a server's parts. Whoever serves it starts and stops them.

    `hosts` are the names under which it may be called; with a `token`, calls must carry it.
    """
    api = create_api()
    api.state.services = services
    app: ASGIApp = SmallBodies(api, streamed=frozenset({uploads.PATH}))
    app = MeasuredRequests(app, ServerMetrics(services).latency)
    return Guard(app, hosts, token)


def create_api() -> FastAPI:
    """The routes alone, for whoever wants their description."""
    api = FastAPI(
        title="TransPixar",
        version=__version__,
        # The pages for people load scripts from elsewhere; the OpenAPI document stays.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": ErrorAnswer}, "5XX": {"model": ErrorAnswer}},
        generate_unique_id_function=_operation_id,
    )
    add_error_handlers(api)
    # Among FastAPI's own, because the outermost of those answers and logs every exception.
    api.add_middleware(GoneReaders)
    for routes in (videos, files, content, uploads, models, server):
        api.include_router(routes.router)
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name
