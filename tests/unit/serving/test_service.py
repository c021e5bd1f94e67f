from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

import bert4rec
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.serving.answering import Fill, Next, Vectors, answer_together
from bert4rec.serving.limits import BoundedBodies
from bert4rec.serving.messages import (
    MAX_CANDIDATES,
    MAX_ITEMS,
    MAX_K,
    MAX_QUERIES,
    REQUESTS,
    EmbedAnswer,
    EmbedRequest,
    FillAnswer,
    FillRequest,
    Message,
    RecommendAnswer,
    RecommendRequest,
    ScoreAnswer,
    ScoreRequest,
)
from bert4rec.serving.service import create_service
from tests.divided import alike, keep
from tests.factories import copied, namesakes_recommender
from tests.loops import in_a_loop
from tests.waiting import LIMIT_S


@pytest.fixture(scope="module")
def model(tiny_run: Run) -> Recommender:
    return load_model(tiny_run, n_threads=1)


@pytest.fixture(scope="module")
def client(model: Recommender) -> Iterator[TestClient]:
    with TestClient(create_service(model), raise_server_exceptions=False) as client:
        yield client


def answer(client: TestClient, path: str, **asked: Any) -> Any:
    response = client.post(path, json=asked)
    assert response.status_code == 200, response.text
    return response.json()


def problem(response: httpx.Response) -> dict[str, Any]:
    """What went wrong, in the one form."""
    document = response.json()
    assert set(document) == {"error"}
    assert set(document["error"]) == {"type", "message", "where", "fix"}
    assert "\n" not in document["error"]["message"]
    assert "Traceback" not in response.text
    found: dict[str, Any] = document["error"]
    return found


def test_answers_are_those_of_the_library(client: TestClient, model: Recommender) -> None:
    past = ["1", "2", "3"]
    lists = answer(client, "/recommend", queries=[{"items": past}, {"items": []}], k=4)["lists"]
    expected = model.recommend_many([past, []], 4)
    assert [[one["id"] for one in found] for found in lists] == [
        [one.item_id for one in found] for found in expected
    ]
    assert lists[0][0]["probability"] == pytest.approx(expected[0][0].probability, rel=1e-4)
    fills = answer(client, "/fill", queries=[{"items": ["1", None, "3", None]}], k=2)["fills"]
    gaps = model.fill(["1", None, "3", None], 2)
    assert [gap["position"] for gap in fills[0]] == [1, 3]
    assert [[one["id"] for one in gap["suggestions"]] for gap in fills[0]] == [
        [one.item_id for one in gap] for gap in gaps
    ]
    scores = answer(client, "/score", queries=[{"items": past, "candidates": ["4", "9"]}])
    np.testing.assert_allclose(scores["scores"][0], model.score(past, ["4", "9"]), rtol=1e-4)
    found = answer(client, "/embed", queries=[{"items": past}], item_ids=["4"])
    np.testing.assert_allclose(found["vectors"], model.sequence_embeddings([past]), atol=1e-5)
    np.testing.assert_allclose(found["item_vectors"][0], model.item_embeddings()[3], atol=1e-6)
    unit = answer(client, "/embed", item_ids=["4"], normalise=True)["item_vectors"]
    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-5)


def test_what_stands_beside_a_gap_is_suggested_for_it_only_on_request(client: TestClient) -> None:
    asked = {"queries": [{"items": ["3", None, "5"]}], "k": 30}
    for more, n_seen in (({}, 0), ({"remove_seen": True}, 0), ({"remove_seen": False}, 2)):
        ((gap,),) = answer(client, "/fill", **asked, **more)["fills"]
        assert len(gap["suggestions"]) == 28 + n_seen
        assert sum(one["seen"] for one in gap["suggestions"]) == n_seen


def test_a_user_is_asked_about_by_the_whole_history(client: TestClient, model: Recommender) -> None:
    found = answer(client, "/embed", queries=[{"user": "7"}])
    np.testing.assert_allclose(found["vectors"], model.user_embeddings(["7"]), atol=1e-5)
    lists = answer(client, "/recommend", queries=[{"user": "7"}], k=3, remove_seen=False)["lists"]
    past = [model.vocabulary.item_id(int(i)) for i in model.dataset.history(7)]
    expected = model.recommend(past, 3, remove_seen=False)
    assert [one["id"] for one in lists[0]] == [one.item_id for one in expected]


def test_seven_and_seven_point_nought_are_one_number(client: TestClient) -> None:
    asked = [{"items": ["1"]}]
    assert len(answer(client, "/recommend", queries=asked, k=7.0)["lists"][0]) == 7
    assert client.post("/recommend", json={"queries": asked, "k": 7.5}).status_code == 422
    assert client.post("/recommend", json={"queries": asked, "k": "7"}).status_code == 422


def test_whoever_only_asks_whether_the_service_is_there_may(client: TestClient) -> None:
    asked = client.head("/health")
    assert (asked.status_code, asked.content) == (200, b"")


def test_health_says_with_which_model(client: TestClient, tiny_run: Run) -> None:
    found = client.get("/health").json()
    assert (found["status"], found["run"], found["n_items"]) == ("ok", tiny_run.id, 30)
    assert found["window"] == 12


def test_health_says_whether_the_probabilities_that_it_answers_are_calibrated(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    for temperatures, is_calibrated in ((None, False), ({}, True), (alike(2.0), True)):
        keep(run, temperatures)
        with TestClient(create_service(bert4rec.load(run))) as client:
            # Kept too late for this service.
            keep(run, {})
            assert client.get("/health").json()["calibrated"] is is_calibrated


def test_a_title_that_several_items_have_is_refused_with_their_ids() -> None:
    with TestClient(create_service(namesakes_recommender())) as client:
        asked = {"queries": [{"items": ["b1"], "candidates": ["b2", "Emma"]}]}
        response = client.post("/score", json=asked)
        assert response.status_code == 404
        assert "with the ids 'b2', 'b4'" in problem(response)["message"]
        asked["queries"][0]["candidates"] = ["b3", "book 1"]
        assert client.post("/score", json=asked).status_code == 200


def test_a_sequence_without_gaps_gets_none_and_lists_end_with_the_catalogue(
    client: TestClient,
) -> None:
    asked = [{"items": ["1"]}, {"items": [None]}, {"items": []}]
    fills = answer(client, "/fill", queries=asked, k=MAX_K)["fills"]
    assert [len(gaps) for gaps in fills] == [0, 1, 0]
    assert len(fills[1][0]["suggestions"]) == 30


def test_gaps_and_their_lists_are_held_to_what_can_be_answered_soon(client: TestClient) -> None:
    too_much = {
        "1,024 gaps with lists of 1 ": {"queries": [{"items": [None] * 16}] * 64, "k": 1},
        "110 gaps with lists of 1,000 ": {"queries": [{"items": [None] * 10}] * 11, "k": 1_000},
    }
    for said, asked in too_much.items():
        response = client.post("/fill", json=asked)
        assert response.status_code == 422
        assert said in problem(response)["message"]
    fills = answer(client, "/fill", queries=[{"items": [None] * 10}] * 10, k=1_000)["fills"]
    assert [len(gaps) for gaps in fills] == [10] * 10


def test_each_answer_is_as_it_is_described(client: TestClient) -> None:
    one = {"items": ["1", "2"]}
    asked: dict[str, tuple[type[Message], dict[str, Any]]] = {
        "/fill": (FillAnswer, {"queries": [{"items": ["1", None]}, one]}),
        "/recommend": (RecommendAnswer, {"queries": [one, one]}),
        "/score": (ScoreAnswer, {"queries": [one | {"candidates": ["3", "4"]}]}),
        "/embed": (EmbedAnswer, {"queries": [one], "item_ids": ["3"]}),
    }
    for path, (kind, body) in asked.items():
        response = client.post(path, json=body)
        assert response.headers["content-type"] == "application/json"
        assert kind.model_validate_json(response.content).model_dump() == response.json()


BAD: dict[str, tuple[str, Any, int]] = {
    "no document": ("/recommend", b"{", 400),
    "bytes that are no text": ("/recommend", b'{"queries": "\xff\xfe"}', 400),
    "an endless document": ("/recommend", b"[" * 100_000, 400),
    "an endless number": ("/recommend", b'{"k": ' + b"9" * 10_000 + b"}", 400),
    "another document": ("/recommend", [1], 422),
    "nothing": ("/recommend", b"", 422),
    "no queries": ("/recommend", {"queries": []}, 422),
    "too many queries": ("/recommend", {"queries": [{"items": ["1"]}] * (MAX_QUERIES + 1)}, 422),
    "a long sequence": ("/recommend", {"queries": [{"items": ["1"] * (MAX_ITEMS + 1)}]}, 422),
    "a long id": ("/recommend", {"queries": [{"items": ["1" * 501]}]}, 422),
    "a number for an id": ("/recommend", {"queries": [{"items": [1]}]}, 422),
    "a surrogate": ("/recommend", b'{"queries": [{"items": ["\\ud800"]}]}', 422),
    "a strange key": ("/recommend", b'{"queries": [{"items": [], "\\ud800\\n": 1}]}', 422),
    "user and items": ("/recommend", {"queries": [{"items": [], "user": "1"}]}, 422),
    "k of none": ("/recommend", {"queries": [{"items": []}], "k": 0}, 422),
    "k of too many": ("/recommend", {"queries": [{"items": []}], "k": MAX_K + 1}, 422),
    "k as a truth": ("/recommend", {"queries": [{"items": []}], "k": True}, 422),
    "k that is no number": ("/recommend", b'{"queries": [{"items": []}], "k": NaN}', 422),
    "no candidates": ("/score", {"queries": [{"items": [], "candidates": []}]}, 422),
    "many candidates": (
        "/score",
        {"queries": [{"items": [], "candidates": ["1"] * (MAX_CANDIDATES + 1)}]},
        422,
    ),
    "a gap before the window": ("/fill", {"queries": [{"items": [None, *["1"] * 12]}]}, 422),
    "an unknown item": ("/recommend", {"queries": [{"items": ["1", "nosuch"]}]}, 404),
    "an unknown candidate": ("/score", {"queries": [{"items": [], "candidates": ["x"]}]}, 404),
    "an unknown vector": ("/embed", {"item_ids": ["nosuch"]}, 404),
    "an unknown user": ("/embed", {"queries": [{"user": "nosuch"}]}, 404),
    "a gap where none may be": ("/recommend", {"queries": [{"items": [None]}]}, 422),
    "another path": ("/nosuch", {}, 404),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_form(case: str, client: TestClient) -> None:
    path, body, status = BAD[case]
    headers = {"content-type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(path, content=content, headers=headers)
    assert response.status_code == status, response.text
    assert problem(response)["message"]
    # And the next one is answered.
    assert answer(client, "/recommend", queries=[{"items": ["1"]}], k=1)


def test_a_body_that_is_no_json_is_told_with_the_sign_at_which_it_breaks(
    client: TestClient,
) -> None:
    headers = {"content-type": "application/json"}
    told = problem(client.post("/recommend", content=b'{"k": 1, }', headers=headers))
    assert told["where"] == "body"
    assert told["message"].startswith("the body is no JSON: ")
    assert told["message"].endswith(" at sign 10")
    assert told["fix"] == "Send one JSON document in UTF-8."


@pytest.mark.parametrize("kind", [RecommendRequest, FillRequest, ScoreRequest, EmbedRequest])
def test_of_a_list_of_bad_ids_the_first_alone_is_told(kind: type[Message]) -> None:
    bad: dict[str, Any] = {"items": [1, 2, 3]}
    if kind is ScoreRequest:
        bad["candidates"] = [4, 5, 6]
    with pytest.raises(ValidationError) as raised:
        kind.model_validate({"queries": [bad]})
    of_ids = [error["loc"] for error in raised.value.errors() if isinstance(error["loc"][-1], int)]
    assert {loc[-1] for loc in of_ids} == {0}


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/recommend", {"items": [1]}, "body.queries.0.items.0: Input should be a valid"),
        ("/recommend", {"user": 1}, "body.queries.0.user: Input should be a valid"),
        ("/score", {"items": []}, "body.queries.0.candidates: Field required"),
    ],
)
def test_problems_of_a_query_are_told_of_the_form_it_has_alone(
    path: str, query: dict[str, Any], expected: str, client: TestClient
) -> None:
    message = problem(client.post(path, json={"queries": [query]}))["message"]
    assert message.startswith(expected)
    assert ";" not in message


NO_FIELD = "there is no such field; the nearest name is"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/recommend", {"queries": [{"user_id": "7"}]}, f"body.queries.0.user_id: {NO_FIELD} user"),
        ("/recommend", {"queries": [{"Users": "7"}]}, f"body.queries.0.Users: {NO_FIELD} user"),
        (
            "/recommend",
            {"queries": [{"item_ids": ["7"]}]},
            f"body.queries.0.item_ids: {NO_FIELD} items",
        ),
        (
            "/score",
            {"queries": [{"userId": "7", "candidate": ["1"]}]},
            f"body.queries.0.userId: {NO_FIELD} user; "
            f"body.queries.0.candidate: {NO_FIELD} candidates",
        ),
        ("/recommend", {"query": [{"items": []}]}, f"body.query: {NO_FIELD} queries"),
        ("/embed", {"normalize": True}, f"body.normalize: {NO_FIELD} normalise"),
        (
            "/fill",
            {"queries": [{"items": ["1", None], "user_id": "7"}]},
            "body.queries.0.user_id: there is no such field; those here are items",
        ),
        (
            "/recommend",
            {"queries": [{"items": []}], "n": 3},
            "body.n: there is no such field; those here are queries, k and remove_seen",
        ),
        (
            "/fill",
            {"queries": [{"items": [None]}], "removeSeen": True},
            f"body.removeSeen: {NO_FIELD} remove_seen",
        ),
        (
            "/recommend",
            {"items": ["1"]},
            "body.queries: Field required; body.items: it belongs into each of queries",
        ),
        (
            "/score",
            {"queries": [{"items": [], "user": "7", "candidates": ["1"]}]},
            "body.queries.0.items: it cannot stand beside user",
        ),
    ],
)
def test_of_an_unknown_field_the_one_that_was_meant_is_told(
    path: str, body: Any, expected: str, client: TestClient
) -> None:
    response = client.post(path, json=body)
    assert (response.status_code, problem(response)["message"]) == (422, expected)


def test_a_field_of_a_very_long_name_is_answered_at_once(client: TestClient) -> None:
    response = client.post("/recommend", json={"queries": [{"u" * 900_000: 1}]})
    told = problem(response)
    assert "those here are items and user" in told["message"]


def test_of_each_path_it_is_known_what_it_is_asked(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    asked = {
        path[1:]: methods["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for path, methods in document["paths"].items()
        if "post" in methods
    }
    described = {name: ref.rpartition("/")[2] for name, ref in asked.items()}
    assert described == {name: kind.__name__ for name, kind in REQUESTS.items()}


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/recommend", {"queries": [{"items": ["1"]}, {"items": ["nosuch"]}]}, "body.queries.1"),
        ("/fill", {"queries": [{"items": ["nosuch", None]}]}, "body.queries.0"),
        ("/fill", {"queries": [{"items": []}, {"items": [None, *["1"] * 12]}]}, "body.queries.1"),
        ("/score", {"queries": [{"items": [], "candidates": ["nosuch"]}]}, "body.queries.0"),
        ("/embed", {"queries": [{"user": "nosuch"}]}, "body.queries.0"),
        ("/embed", {"item_ids": ["1", "nosuch"]}, "body.item_ids"),
        ("/embed", {"queries": [{"user": 1}]}, "body.queries.0.user"),
        ("/recommend", {"queries": [{"items": []}], "k": 0, "K": 1}, "body.k"),
        ("/recommend", [], "body"),
    ],
)
def test_a_problem_says_which_part_of_the_body_it_is_about(
    path: str, body: Any, where: str, client: TestClient
) -> None:
    assert problem(client.post(path, json=body))["where"] == where


def test_a_path_with_a_slash_behind_it_is_another_one(client: TestClient) -> None:
    for response in (client.get("/health/"), client.post("/recommend/", json={})):
        assert (response.status_code, problem(response)["message"]) == (404, "Not Found")


def test_another_method_is_refused(client: TestClient) -> None:
    refused = client.get("/recommend")
    assert (refused.status_code, problem(refused)["message"]) == (405, "Method Not Allowed")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("body", [b'{"queries": [{"items": ["1"]}]}', b'{"queries": [', b""])
def test_a_body_that_is_not_said_to_be_json_is_told_the_header_to_send(
    body: bytes, kind: str | None, client: TestClient
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    refused = client.post("/recommend", content=body, headers=headers)
    assert refused.status_code == 415
    assert "content-type: application/json" in problem(refused)["fix"]


@pytest.mark.parametrize("kind", ["Application/JSON; charset=utf-8", "application/vnd.api+json"])
def test_json_may_be_said_in_other_ways(kind: str, client: TestClient) -> None:
    headers = {"content-type": kind}
    for body, status in ((b'{"queries": [{"items": ["1"]}]}', 200), (b"{", 400), (b"{}", 422)):
        answered = client.post("/recommend", content=body, headers=headers)
        assert answered.status_code == status


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(
    model: Recommender,
) -> None:
    service = create_service(model, max_body_bytes=1_000)
    body = json.dumps({"queries": [{"items": ["1"] * 500}]}).encode()

    def parts() -> Iterator[bytes]:
        yield body[:900]
        yield body[900:]

    with TestClient(service) as client:
        for content in (body, parts()):
            response = client.post(
                "/recommend", content=content, headers={"content-type": "application/json"}
            )
            assert response.status_code == 413
            assert "larger than 1,000 bytes" in problem(response)["message"]
        assert client.get("/health").status_code == 200


def test_a_body_that_does_not_arrive_is_waited_for_no_longer(model: Recommender) -> None:
    async def ask() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        service = create_service(model)
        request = {"type": "http", "method": "POST", "path": "/recommend", "query_string": b""}
        scope = request | {"headers": [], "app": service, "root_path": ""}
        await BoundedBodies(service.build_middleware_stack(), seconds=0.01)(scope, receive, send)
        return sent

    sent = in_a_loop(ask())
    assert sent[0]["status"] == 408


def test_a_client_that_has_gone_is_waited_with_no_longer(model: Recommender) -> None:
    body = json.dumps({"queries": [{"items": ["1"]}]}).encode()
    heard = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

    async def ask() -> None:
        coming = iter(heard)

        async def receive() -> Any:
            return next(coming)

        async def send(message: Any) -> None:
            assert not message.get("body")

        # Nobody answers: its lifespan has not begun.
        service = create_service(model)
        request = {"type": "http", "method": "POST", "path": "/recommend", "query_string": b""}
        headers = [(b"content-type", b"application/json")]
        async with asyncio.timeout(LIMIT_S):
            await service(request | {"headers": headers}, receive, send)

    in_a_loop(ask())


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_request_that_is_under_way_for_too_long_at_the_end_is_told_so(
    model: Recommender, is_whole: bool
) -> None:
    body = json.dumps({"queries": [{"items": ["1"]}]}).encode()

    async def ask() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        is_under_way = asyncio.Event()
        coming = iter([{"type": "http.request", "body": body, "more_body": not is_whole}])

        async def receive() -> Any:
            for message in coming:
                return message
            is_under_way.set()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(dict(message))

        # Nobody answers: its lifespan has not begun.
        service = create_service(model)
        request = {"type": "http", "method": "POST", "path": "/recommend", "query_string": b""}
        headers = [(b"content-type", b"application/json")]
        asking = asyncio.ensure_future(service(request | {"headers": headers}, receive, send))
        async with asyncio.timeout(LIMIT_S):
            await is_under_way.wait()
            # As the server does.
            asking.cancel()
            await asking
        return sent

    start, told = in_a_loop(ask())
    assert start["status"] == 503
    assert json.loads(told["body"])["error"]["message"] == "the service ends"


def test_nothing_is_loaded_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/redoc", "/"):
        assert client.get(path).status_code == 404
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/fill", "/recommend", "/score", "/embed", "/health"}
    for operation in described["paths"].values():
        for method in operation.values():
            # What tools name the functions of a client after.
            assert method["operationId"].isalpha()
            schema = method["responses"]["422"]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/Problem")
    assert "examples" in json.dumps(described)
    k = described["components"]["schemas"]["RecommendRequest"]["properties"]["k"]
    assert (k["minimum"], k["maximum"], k["default"]) == (1, MAX_K, 10)


def test_a_failure_of_the_network_is_told_without_its_words(
    model: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    with TestClient(create_service(model), raise_server_exceptions=False) as client:
        with monkeypatch.context() as broken:
            broken.setattr(Recommender, "recommend_encoded", fails)
            response = client.post("/recommend", json={"queries": [{"items": ["1"]}]})
            assert response.status_code == 500
            assert "secret" not in response.text
            problem(response)
        assert answer(client, "/recommend", queries=[{"items": ["1"]}], k=1)


# Together


def test_answers_together_are_those_given_alone(model: Recommender) -> None:
    chance = np.random.default_rng(0)
    drawn = [chance.integers(1, 31, size) for size in (0, 1, 4, 12, 40)]
    gapped = [np.where(np.arange(len(one)) == len(one) - 1, 31, one) for one in drawn[1:]]
    questions = [
        Next(drawn[:2], 3, None),
        Vectors(drawn[2:]),
        Fill(gapped[:2], 4, None),
        Next(drawn[2:], 7, None),
        Next(drawn[:1], 2, False),
        Fill(gapped[2:], 2, None),
        Fill(gapped[:1], 30, False),
        Vectors(drawn[:1]),
        Vectors([]),
    ]
    together = answer_together(model, questions)
    for question, found in zip(questions, together, strict=True):
        (alone,) = answer_together(model, [question])
        if isinstance(question, Vectors):
            assert len(found) == len(alone) == len(question.histories)
            np.testing.assert_allclose(np.array(found), np.array(alone), atol=1e-5)
            continue
        flat = isinstance(question, Next)
        assert ids(found, flat=flat) == ids(alone, flat=flat)


def ids(found: Any, *, flat: bool) -> Any:
    lists = found if flat else [gap for one in found for gap in one]
    return [[one.item_id for one in suggestions] for suggestions in lists]


def test_probabilities_are_calibrated_and_scores_are_those_of_the_vectors(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    keep(run, alike(2.0))
    own = load_model(run).recommend(["1", "2"], 1)[0]
    with TestClient(create_service(bert4rec.load(run))) as client:
        (found,) = answer(client, "/recommend", queries=[{"items": ["1", "2"]}], k=1)["lists"]
        asked = {"items": ["1", "2"], "candidates": [own.item_id]}
        scores = answer(client, "/score", queries=[asked])["scores"]
    assert found[0]["id"] == own.item_id
    assert found[0]["probability"] < 0.95 * own.probability
    assert found[0]["score"] == pytest.approx(scores[0][0], rel=1e-4)
    assert found[0]["score"] == pytest.approx(own.score, rel=1e-4)
