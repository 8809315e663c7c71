"""One demo server as an ASGI application: its routes, its errors, its HTTP figures, its hanging.

What a route answers is decided in `current` and `tutorial`; here stands which server has which
route, and how the HTTP layer behaves around them: 404 and 405 in the words of the real one, no
HEAD, a redirect for a trailing slash, refused cross-origin calls.
"""

import secrets
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.demo.current import Current
from lib.demo.demo import Demo
from lib.demo.embedding import Embedding
from lib.demo.generation import Generation
from lib.demo.interfaces import Interfaces, is_scaling, sorted_out
from lib.demo.replies import Fields, RefusalError, flat, nested, read_fields
from lib.demo.schemas import COMPONENTS, body_of
from lib.demo.tutorial import Tutorial

__all__ = ["application"]

Handler = Callable[[Request], Awaitable[Response]]
CONTROLS = "/demo/"


def application(demo: Demo) -> Starlette:
    """The server of one demo."""
    routes = [*_common(demo), *(_tutorial(demo) if demo.role.tutorial else _current(demo))]
    if demo.role.may_hang:
        routes += _controls(demo)
    routes.append(_openapi(routes))
    paths = frozenset(route.path for route in routes)
    origins = ["*"] if demo.role.tutorial else []
    return Starlette(
        routes=routes,
        exception_handlers={HTTPException: _detail, RefusalError: _refusal(demo)},
        middleware=[
            Middleware(Around, demo=demo, paths=paths),
            Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"]),
        ],
    )


def _route(path: str, handler: Handler, *methods: str) -> Route:
    route = Route(path, handler, methods=methods or ("GET",))
    route.methods = set(methods or ("GET",))  # Starlette adds HEAD to GET; the real server does not
    return route


def _common(demo: Demo) -> list[Route]:
    async def health(_: Request) -> Response:
        return Response()

    async def version(_: Request) -> Response:
        return JSONResponse({"version": demo.role.version})

    async def models(_: Request) -> Response:
        cards = [_model_card(demo), *(_adapter_card(demo, name) for name in demo.role.adapters)]
        return JSONResponse({"object": "list", "data": [] if demo.unlisted else cards})

    return [
        _route("/health", health),
        _route("/version", version),
        _route("/v1/models", models),
        *([] if demo.role.tutorial else [_route("/ping", health, "GET", "POST")]),
        *(_embedding(demo) if demo.role.dimensions else _generation(demo)),
    ]


def _generation(demo: Demo) -> list[Route]:
    handlers = Generation(demo)
    routes = [
        _route("/v1/chat/completions", handlers.chat, "POST"),
        _route("/v1/completions", handlers.completion, "POST"),
    ]
    return routes if demo.role.tutorial else [*routes, *_interfaces(demo, handlers)]


def _interfaces(demo: Demo, generation: Generation) -> list[Route]:
    handlers = Interfaces(demo, generation)
    return [
        _route("/v1/responses", handlers.responses, "POST"),
        _route("/v1/messages", handlers.messages, "POST"),
        _route("/v1/messages/count_tokens", handlers.count_tokens, "POST"),
        _route("/invocations", handlers.invocations, "POST"),
        _route("/is_scaling_elastic_ep", is_scaling, "POST"),
    ]


def _embedding(demo: Demo) -> list[Route]:
    handlers = Embedding(demo)
    return [
        _route("/v1/embeddings", handlers.embeddings, "POST"),
        _route("/pooling", handlers.pooling, "POST"),
        *(_route(f"{start}/score", handlers.score, "POST") for start in ("", "/v1")),
        *(_route(f"{start}/rerank", handlers.rerank, "POST") for start in ("", "/v1", "/v2")),
        _route(
            "/invocations",
            sorted_out(
                {
                    "text_1": handlers.score,
                    "query": handlers.rerank,
                    "input": handlers.embeddings,
                }
            ),
            "POST",
        ),
    ]


def _current(demo: Demo) -> list[Route]:
    handlers = Current(demo)
    return [
        _route("/load", handlers.load),
        _route("/kv_event_sources", handlers.kv_event_sources),
        _route("/metrics", handlers.metrics),
        _route("/metrics/", handlers.metrics_slash),
        _route("/tokenize", handlers.tokenize, "POST"),
        _route("/detokenize", handlers.detokenize, "POST"),
    ]


def _tutorial(demo: Demo) -> list[Route]:
    handlers = Tutorial(demo)
    return [
        _route("/health/ready", handlers.ready),
        _route("/metrics", handlers.metrics),
        _route("/metrics/", handlers.metrics),
        _route("/v1/tokenize", handlers.tokenize, "POST"),
        _route("/v1/detokenize", handlers.detokenize, "POST"),
        _route("/debug/version", handlers.version),
        _route("/debug/stats", handlers.stats),
        _route("/debug/cache_stats", handlers.cache_stats),
        _route("/debug/config", handlers.config),
        _route("/debug/traces", handlers.traces),
    ]


def _controls(demo: Demo) -> list[Route]:
    async def hang(request: Request) -> Response:
        fields = await read_fields(request)
        seconds = _seconds(fields)
        http = fields.flag("http", default=False)
        fields.check()
        demo.hang(seconds, http=http)
        return JSONResponse({"seconds": seconds, "http": http})

    async def unlist(request: Request) -> Response:
        seconds = _seconds(await read_fields(request))
        demo.unlist(seconds)
        return JSONResponse({"seconds": seconds})

    async def restart(_: Request) -> Response:
        demo.restart()
        return JSONResponse({"started": demo.started})

    return [
        _route(f"{CONTROLS}hang", hang, "POST"),
        _route(f"{CONTROLS}restart", restart, "POST"),
        _route(f"{CONTROLS}unlist", unlist, "POST"),
    ]


def _seconds(fields: Fields) -> float:
    seconds = fields.body.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise RefusalError(400, "BadRequestError", "seconds must be a number, 0 or more", "seconds")
    return float(seconds)


def _openapi(routes: list[Route]) -> Route:
    """A small but true schema: the routes there are, with their methods."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        if route.path == "/metrics/":  # a mount in the real server, which its schema leaves out
            continue
        answers = {"200": {"description": "Successful Response"}}
        about = {"summary": route.name.replace("_", " ").title(), "responses": answers}
        methods = [method.lower() for method in sorted(route.methods or ())]
        paths[route.path] = {
            method: about | (body_of(route.path) if method == "post" else {}) for method in methods
        }
    schema = {
        "openapi": "3.1.0",
        "info": {"title": "FastAPI", "version": "0.1.0"},
        "paths": paths,
        "components": {"schemas": COMPONENTS},
    }

    async def openapi(_: Request) -> Response:
        return JSONResponse(schema)

    return _route("/openapi.json", openapi)


def _model_card(demo: Demo) -> dict[str, object]:
    now = int(time.time())
    permission = {
        "id": f"modelperm-{secrets.token_hex(8)}",
        "object": "model_permission",
        "created": now,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    return {
        "id": demo.role.model,
        "object": "model",
        "created": now,
        "owned_by": "vllm",
        "root": demo.role.model,
        "parent": None,
        "max_model_len": demo.role.limits.max_model_len,
        "permission": [permission],
    }


def _adapter_card(demo: Demo, name: str) -> dict[str, object]:
    """An adapter's card: its base is the parent, and no length is told."""
    other = {"id": name, "root": f"/demo/{name}", "parent": demo.role.model, "max_model_len": None}
    return _model_card(demo) | other


async def _detail(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


def _refusal(demo: Demo) -> Callable[[Request, Exception], Response]:
    form = flat if demo.role.tutorial else nested

    def answer(_: Request, error: Exception) -> Response:
        if not isinstance(error, RefusalError):
            raise error
        return form(error)

    return answer


class Around:
    """Middleware around all routes: hangs when told to, and counts what was answered."""

    def __init__(self, app: ASGIApp, demo: Demo, paths: frozenset[str]) -> None:
        self._app = app
        self._demo = demo
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        # The way out of a hang stays open.
        if not path.startswith(CONTROLS):
            await self._demo.answering()
        begun, status, sent = time.perf_counter(), 500, 0

        async def watched(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, watched)
        handler = path if path in self._paths else "none"
        received = int(dict(scope["headers"]).get(b"content-length", 0))
        seconds = time.perf_counter() - begun
        self._demo.web.count(handler, scope["method"], status, seconds, received, sent)
