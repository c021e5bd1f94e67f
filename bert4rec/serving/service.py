"""The service: paths and what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import torch
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from bert4rec.errors import Bert4RecError
from bert4rec.recommender import Recommender
from bert4rec.serving import messages
from bert4rec.serving.answering import (
    Fill,
    Next,
    Question,
    Vectors,
    answer_together,
    as_suggested,
    encode_history,
    past_of,
)
from bert4rec.serving.gathering import BusyError, Gatherer
from bert4rec.serving.limits import MAX_BODY_BYTES, BoundedBodies
from bert4rec.serving.refusals import HANDLERS, PROBLEMS
from bert4rec.vector_search import unit

VERSION = version("bert4rec")
# nginx's number of a request whose client has gone; it is sent to nobody.
CLIENT_GONE = 499
History = messages.Sequence | messages.User
Query = TypeVar("Query")


def create_service(model: Recommender, *, max_body_bytes: int = MAX_BODY_BYTES) -> FastAPI:
    """Return the service of a model as an ASGI application.

    Pages with documentation are left out, as FastAPI's load scripts from elsewhere;
    `/openapi.json` describes the service for tools.

    Args:
        model: What is asked.
        max_body_bytes: The largest body of a request.
    """
    gatherer: Gatherer[_Asked, Response] = Gatherer(partial(_respond, model))

    @asynccontextmanager
    async def answering(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(gatherer.run())
        yield
        gatherer.end()
        await task

    service = FastAPI(
        title="bert4rec",
        version=VERSION,
        summary="Sequential recommendations by a trained model.",
        lifespan=answering,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        # Another path is told as such, and not led to one by an address that a proxy may hide.
        redirect_slashes=False,
        responses=PROBLEMS,
        exception_handlers=HANDLERS,
    )
    service.add_middleware(BoundedBodies, max_bytes=max_body_bytes)
    _add_paths(service, Answers(model, gatherer))
    return service


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question, and what makes a document of the answer to it."""

    question: Question
    document: Callable[[list[Any]], dict[str, Any]]


def _respond(model: Recommender, asked: Sequence[_Asked]) -> list[Response]:
    """Answer questions together, and write the answers here: some are of megabytes."""
    found = answer_together(model, [one.question for one in asked])
    return [JSONResponse(one.document(answer)) for one, answer in zip(asked, found, strict=True)]


class Answers:
    """What each path answers.

    Args:
        model: What is asked.
        gatherer: Has the network asked, together with other requests.
    """

    def __init__(self, model: Recommender, gatherer: Gatherer[_Asked, Response]) -> None:
        self.model, self.gatherer = model, gatherer

    async def health(self) -> messages.Health:
        """Say that the service is there, and with which model."""
        model, run = self.model, self.model.run
        return messages.Health(
            version=VERSION,
            run=None if run is None else run.id,
            name=None if run is None else run.name,
            policy=None if run is None else run.policy().kind,
            n_items=len(model.vocabulary),
            n_users=model.dataset.n_users,
            window=model.settings.max_seq_length,
            calibrated=model.is_calibrated,
            device=model.scorer.choice.device,
        )

    async def fill(self, asked: messages.FillRequest, request: Request) -> Response:
        """Fill the gaps of sequences from both sides; a sequence without a gap gets none."""
        sequences = _each(asked.queries, self._gapped)
        places = [_gaps(query.items) for query in asked.queries]
        with_gaps = [row for row, found in enumerate(places) if found]

        def document(found: list[Any]) -> dict[str, Any]:
            fills: list[list[dict[str, Any]]] = [[] for _ in places]
            for row, lists in zip(with_gaps, found, strict=True):
                fills[row] = [
                    {"position": place, "suggestions": as_suggested(one)}
                    for place, one in zip(places[row], lists, strict=True)
                ]
            return {"fills": fills}

        gapped = [sequences[row] for row in with_gaps]
        question = Fill(gapped, self._k(asked.k), asked.remove_seen)
        return await self._ask(_Asked(question, document), sum(map(len, places)), request)

    async def recommend(self, asked: messages.RecommendRequest, request: Request) -> Response:
        """List what comes next after histories, best first."""
        histories = self._histories(asked.queries)

        def document(found: list[Any]) -> dict[str, Any]:
            return {"lists": [as_suggested(one) for one in found]}

        question = Next(histories, self._k(asked.k), asked.remove_seen)
        return await self._ask(_Asked(question, document), len(histories), request)

    async def score(self, asked: messages.ScoreRequest, request: Request) -> Response:
        """Score candidates as the next item of histories."""
        candidates = _each(
            asked.queries, lambda query: encode_history(self.model, query.candidates)
        )
        histories = self._histories(asked.queries)

        def document(found: list[Any]) -> dict[str, Any]:
            pairs = zip(candidates, found, strict=True)
            return {
                "scores": [(self._item_vectors(items) @ vector).tolist() for items, vector in pairs]
            }

        return await self._ask(_Asked(Vectors(histories), document), len(histories), request)

    async def embed(self, asked: messages.EmbedRequest, request: Request) -> Response:
        """Give the vectors of histories and of items."""
        with _told_of("item_ids"):
            item_idx = encode_history(self.model, asked.item_ids)
        histories = self._histories(asked.queries)

        def document(found: list[Any]) -> dict[str, Any]:
            items = self._item_vectors(item_idx)
            vectors = np.array(found, dtype=np.float32).reshape(len(histories), items.shape[1])
            if asked.normalise:
                vectors, items = unit(vectors), unit(items)
            return {"vectors": vectors.tolist(), "item_vectors": items.tolist()}

        return await self._ask(_Asked(Vectors(histories), document), len(histories), request)

    def _k(self, k: int) -> int:
        return min(k, len(self.model.vocabulary))

    def _item_vectors(self, items: np.ndarray) -> np.ndarray:
        at = torch.from_numpy(items - 1)
        vectors = self.model.scorer.item_vectors()
        return np.asarray(vectors[at.to(vectors.device)].cpu().numpy())

    def _histories(self, queries: Sequence[History]) -> list[np.ndarray]:
        return _each(queries, self._history)

    def _history(self, query: History) -> np.ndarray:
        if isinstance(query, messages.User):
            return past_of(self.model, query.user)
        return encode_history(self.model, query.items)

    def _gapped(self, query: messages.Gaps) -> np.ndarray:
        sequence = encode_history(self.model, query.items)
        if None in query.items:
            self.model.gaps(sequence)
        return sequence

    async def _ask(self, asked: _Asked, n_rows: int, request: Request) -> Response:
        answering = asyncio.ensure_future(self.gatherer.ask(asked, n_rows))
        leaving = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            return answering.result() if answering.done() else Response(status_code=CLIENT_GONE)
        except asyncio.CancelledError as error:
            # The server waits for answers no longer.
            raise BusyError("the service ends", fix="Ask again in a moment.") from error
        finally:
            answering.cancel()
            leaving.cancel()


async def _gone(request: Request) -> None:
    """Wait until the client has gone; its request has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@contextmanager
def _told_of(place: str) -> Iterator[None]:
    """Say of an error which part of the body it is about."""
    try:
        yield
    except Bert4RecError as error:
        error.where = f"body.{place}"
        raise


def _each(queries: Sequence[Query], read: Callable[[Query], np.ndarray]) -> list[np.ndarray]:
    found = []
    for number, query in enumerate(queries):
        with _told_of(f"queries.{number}"):
            found.append(read(query))
    return found


def _gaps(items: Sequence[str | None]) -> list[int]:
    return [place for place, item in enumerate(items) if item is None]


def _add_paths(service: FastAPI, answers: Answers) -> None:
    paths: tuple[tuple[str, Callable[..., Awaitable[Any]], Any], ...] = (
        ("/fill", answers.fill, messages.FillAnswer),
        ("/recommend", answers.recommend, messages.RecommendAnswer),
        ("/score", answers.score, messages.ScoreAnswer),
        ("/embed", answers.embed, messages.EmbedAnswer),
    )
    health = partial(service.add_api_route, "/health", answers.health)
    health(response_model=messages.Health, operation_id="health")
    # Some who look after services ask so.
    health(methods=["HEAD"], include_in_schema=False)
    for path, answer, kind in paths:
        service.add_api_route(
            path, answer, methods=["POST"], response_model=kind, operation_id=path[1:]
        )
