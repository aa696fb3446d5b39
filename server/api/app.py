"""The FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI

from server import __version__
from server.api.errors import add_error_handlers
from server.api.routes import server, videos
from server.api.schemas import ErrorAnswer
from server.api.security import LoopbackHosts
from server.api.services import Services


def create_app(services: Services) -> FastAPI:
    """The application over a server's parts. Whoever serves it starts and stops them."""
    app = FastAPI(
        title="TransPixar",
        version=__version__,
        # The pages for people load scripts from elsewhere; the OpenAPI document stays.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": ErrorAnswer}, "5XX": {"model": ErrorAnswer}},
    )
    app.state.services = services
    add_error_handlers(app)
    app.add_middleware(LoopbackHosts)
    app.include_router(videos.router)
    app.include_router(server.router)
    return app
