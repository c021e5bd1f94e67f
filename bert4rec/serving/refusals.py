"""One form for whatever goes wrong: what was asked wrongly, and what fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bert4rec.errors import Bert4RecError, SettingsError, UnknownIdError
from bert4rec.plain_text import one_line, shortened
from bert4rec.serving import messages
from bert4rec.serving.field_names import meant_instead, why_unknown
from bert4rec.serving.gathering import BusyError

MAX_PROBLEMS, MAX_WORDS, MAX_PLACE = 5, 300, 100
COMPARE = "Compare with /openapi.json."
FIXES = {
    400: "Send one JSON document in UTF-8.",
    404: COMPARE,
    405: COMPARE,
    413: "Ask for it in several requests.",
    503: "Ask again in a moment.",
}
# A body has to be said to be JSON: a page from elsewhere cannot make a browser say so unasked.
JSON_TYPE = re.compile(r"application/(?:[^/;]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
STATUS: dict[type[Bert4RecError], int] = {UnknownIdError: 404, SettingsError: 422, BusyError: 503}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": messages.Problem, "description": HTTPStatus(code).phrase}
    for code in (400, 404, 408, 413, 415, 422, 500, 503)
}


def _told(
    status: int, kind: str, message: str, *, where: str | None = None, fix: str | None = None
) -> JSONResponse:
    told = messages.Told(
        type=kind,
        message=_plain(message),
        where=where and _plain(where),
        fix=fix and _plain(fix),
    )
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse(messages.Problem(error=told).model_dump(), status, headers)


def _plain(text: str) -> str:
    """Return text that any reader takes: on one line, not too long, without lone surrogates."""
    return shortened(one_line(text), MAX_WORDS)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        said = "the body is not said to be JSON"
        fix = "Send the header content-type: application/json."
        return _told(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", said, fix=fix)
    # It is registered for these alone.
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if problems[0]["type"] == "json_invalid":
        reason, place = problems[0]["ctx"]["error"], problems[0]["loc"][1] + 1
        said = f"the body is no JSON: {reason} at sign {place:,}"
        return _told(HTTPStatus.BAD_REQUEST, "InvalidRequest", said, where="body", fix=FIXES[400])
    told = _wrong_parts(request.url.path, problems[:MAX_PROBLEMS])
    said = "; ".join(f"{place}: {words}" for place, words in told)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _told(status, "InvalidRequest", said, where=told[0][0], fix=COMPARE)


def _wrong_parts(path: str, problems: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return places in a body with what is wrong there; of an unknown field what was meant."""
    asked = messages.REQUESTS.get(path.rpartition("/")[2])
    found, named = [], set()
    for problem in problems:
        loc, words = problem["loc"], problem["msg"]
        if asked is not None and problem["type"] == "extra_forbidden":
            words = why_unknown(asked, loc[1:])
            named.add((*loc[:-1], meant_instead(asked, loc[1:])))
        found.append((problem, words))
    # What is there under another name is not told to be lacking as well.
    return [
        (_place(problem["loc"]), words)
        for problem, words in found
        if problem["type"] != "missing" or problem["loc"] not in named
    ]


def _place(loc: Sequence[Any]) -> str:
    """Return a place in a body as its client knows it: without the name of a query's form."""
    known = [part for at, part in enumerate(loc) if at != 3 or part not in ("Sequence", "User")]
    return ".".join(map(str, known))[:MAX_PLACE]


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind = HTTPStatus(status).phrase.replace(" ", "")
    told = _told(status, kind, str(error.detail), fix=FIXES.get(status))  # type: ignore[attr-defined]
    told.headers.update(getattr(error, "headers", None) or {})
    return told


async def _failed(_: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    told = error if isinstance(error, Bert4RecError) else Bert4RecError(str(error))
    # Where on this machine something failed is nobody else's business.
    where = None if status == HTTPStatus.INTERNAL_SERVER_ERROR else told.where
    return _told(status, type(error).__name__, told.message, where=where, fix=told.fix)


async def _broken(_: Request, error: Exception) -> JSONResponse:
    # What it was stands in the log of the server, and is nobody else's business.
    del error
    return _told(500, "InternalServerError", "the service failed at this request")


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    RequestValidationError: _invalid,
    HTTPException: _refused,
    Bert4RecError: _failed,
    Exception: _broken,
}
