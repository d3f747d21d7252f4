"""The REST and WebSocket application of one engine."""

from __future__ import annotations

from fastapi import FastAPI

from racetwin import __version__
from racetwin.api import openapi, problems, replication, routes, system, ws
from racetwin.api.answers import Answers
from racetwin.api.core import APICache, APIMetrics, Shortcut
from racetwin.api.problems import Problem
from racetwin.api.security import Buckets, Guard, Policy
from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.runtime.face import EngineFace

DESCRIPTION = """
What an engine knows of the race it follows: telemetry, digital twins, ranked pit plans, advice.

Answers carry an `ETag`; a conditional request costs nothing while nothing has changed. `?at=23` answers with what was known
when the leader had completed lap 23, `?schema=v1` in the documents of the original system. Live data come over the WebSocket
`/ws`. Errors are problem documents (RFC 9457).
"""


def create_app(face: EngineFace, settings: Settings | None = None, *, buckets: Buckets | None = None) -> FastAPI:
    """Return the application that answers for an engine.

    Parameters
    ----------
    face
        The running engine; the application must run on its event loop.
    settings
        ``host`` and ``token`` decide who may ask.
    buckets
        Rate limits by client.
    """
    chosen = settings or process_settings()
    app = FastAPI(
        title="racetwin",
        version=__version__,
        description=DESCRIPTION,
        docs_url="/docs",
        redoc_url=None,
        responses={
            code: {"model": Problem, "content": {problems.MEDIA_TYPE: {}}, "description": text}
            for code, text in (
                (400, "The body cannot be read"),
                (401, "A token is needed"),
                (403, "Not allowed"),
                (404, "Not in this race, or not known then"),
                (409, "The question does not fit the race as it is"),
                (413, "Too large"),
                (422, "The question is malformed"),
                (429, "Too many requests"),
                (503, "No race yet"),
            )
        },
    )
    metrics, cache = APIMetrics(), APICache()
    shortcut = Shortcut(lambda: face.publisher.version)
    policy = Policy.of(chosen)
    answers = Answers(face, cache, shortcut)
    app.state.face, app.state.metrics, app.state.cache, app.state.policy = face, metrics, cache, policy
    problems.install(app)
    app.include_router(routes.router(answers))
    app.include_router(system.router(answers, metrics))
    ws.install(app, face, metrics)
    replication.install(app, face)
    openapi.install(app, policy)
    app.add_middleware(Guard, policy=policy, metrics=metrics, shortcut=shortcut, buckets=buckets)
    return app
