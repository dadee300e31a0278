"""Defines the HTTP routes of the service, which read everything from a `ServiceView`; they decide nothing.

/healthz and /metrics are coroutines, so that they need no thread of the pool that other routes may occupy.
"""

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from gitops_orch.daemon.service_view import ServiceView

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_routes(view: ServiceView) -> FastAPI:
    """Return the web application with the routes of a service."""
    app = FastAPI(title="gitops-orch", docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """Answer 200 while the loop makes progress, and 503 with the reason once it has stalled."""
        liveness = view.liveness()
        body = {
            "status": "ok" if liveness.alive else "stalled",
            "doing": liveness.doing,
            "last_progress_s": round(liveness.age_s, 1),
            "limit_s": liveness.limit_s,
        }
        if liveness.reason:
            body["reason"] = liveness.reason
        return JSONResponse(body, status_code=200 if liveness.alive else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Answer with the metrics."""
        return Response(view.exposition(), media_type=METRICS_TYPE)

    @app.get("/")
    async def root() -> PlainTextResponse:
        """Say what this is and where to look."""
        return PlainTextResponse(
            "gitops-orch: /healthz reports whether the loop makes progress, /metrics has its numbers\n"
        )

    return app
