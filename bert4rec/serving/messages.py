"""What is asked of the service and what it answers, with limits and examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

MAX_QUERIES, MAX_ITEMS, MAX_CANDIDATES, MAX_K, MAX_SIGNS = 64, 1_000, 1_000, 1_000, 500
# A request of a few bytes a gap could ask for lists by the million, and so for gigabytes.
MAX_GAPS, MAX_SUGGESTIONS = 1_000, 100_000
ItemId = Annotated[str, Field(min_length=1, max_length=MAX_SIGNS)]
# The first bad id is told; all that a request may hold would take seconds to list.
ItemIds = Annotated[list[ItemId], FailFast()]


def _whole(value: Any) -> Any:
    """Return 7 for 7.0, which in JSON are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


RemoveSeen = Annotated[
    bool | None,
    Field(
        description="Whether items that the sequence holds are left out; null: as in the "
        "evaluation."
    ),
]
K = Annotated[
    int,
    Field(ge=1, le=MAX_K, description="Length of each list, at most the catalogue."),
    BeforeValidator(_whole),
]


class Message(BaseModel):
    """A message in which nothing is converted and nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Sequence(Message):
    """A history given as its items."""

    items: ItemIds = Field(
        max_length=MAX_ITEMS,
        description="Ids or titles, oldest first; the newest ones fill the network's window.",
        examples=[["a", "b"]],
    )


class User(Message):
    """A history given as a user of the dataset; a bundle has none."""

    user: ItemId = Field(description="Raw id of the user.", examples=["u1"])


class Candidates(Message):
    """What is to be scored."""

    candidates: ItemIds = Field(
        min_length=1, max_length=MAX_CANDIDATES, description="Ids or titles.", examples=[["c", "d"]]
    )


def _asked_by(query: Any) -> str:
    """Tell which form a query has, so that problems are told of that form alone."""
    if not isinstance(query, dict):
        return "Sequence"
    # Under another name, as `user_id`, a user is meant too.
    is_named = "items" not in query and any(str(name).lower().startswith("user") for name in query)
    return "User" if is_named or "user" in query else "Sequence"


BY_FORM = Discriminator(_asked_by)
History = Annotated[Annotated[Sequence, Tag("Sequence")] | Annotated[User, Tag("User")], BY_FORM]


class SequencePairs(Sequence, Candidates):
    """A sequence and candidates for its next item."""


class UserPairs(User, Candidates):
    """A user and candidates for the next item."""


Pairs = Annotated[
    Annotated[SequencePairs, Tag("Sequence")] | Annotated[UserPairs, Tag("User")], BY_FORM
]


class Gaps(Message):
    """A sequence with gaps."""

    items: Annotated[list[ItemId | None], FailFast()] = Field(
        max_length=MAX_ITEMS,
        description="Ids or titles, oldest first, null where a gap is.",
        examples=[["a", None, "c"]],
    )


class FillRequest(Message):
    """Sequences whose gaps are to be filled, each gap from both sides."""

    queries: list[Gaps] = Field(
        min_length=1,
        max_length=MAX_QUERIES,
        description=f"At most {MAX_GAPS:,} gaps, and gaps times k at most {MAX_SUGGESTIONS:,}.",
    )
    k: K = 10
    remove_seen: RemoveSeen = None

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        n_gaps = sum(query.items.count(None) for query in self.queries)
        if n_gaps > MAX_GAPS or n_gaps * self.k > MAX_SUGGESTIONS:
            raise PydanticCustomError(
                "too_much",
                "{n_gaps} gaps with lists of {k} are asked for, but at most "
                "{most_gaps} gaps and {most_suggestions} suggestions are answered at once",
                {
                    "n_gaps": f"{n_gaps:,}",
                    "k": f"{self.k:,}",
                    "most_gaps": f"{MAX_GAPS:,}",
                    "most_suggestions": f"{MAX_SUGGESTIONS:,}",
                },
            )
        return self


class RecommendRequest(Message):
    """Histories whose next items are asked for."""

    queries: list[History] = Field(min_length=1, max_length=MAX_QUERIES)
    k: K = 10
    remove_seen: RemoveSeen = None


class ScoreRequest(Message):
    """Histories with candidates for their next item."""

    queries: list[Pairs] = Field(min_length=1, max_length=MAX_QUERIES)


class EmbedRequest(Message):
    """Histories and items whose vectors are asked for."""

    queries: list[History] = Field([], max_length=MAX_QUERIES)
    item_ids: ItemIds = Field([], max_length=MAX_CANDIDATES, examples=[["a"]])
    normalise: bool = Field(False, description="Whether vectors are scaled to length 1.")


# What each path is asked.
REQUESTS: dict[str, type[Message]] = {
    "fill": FillRequest,
    "recommend": RecommendRequest,
    "score": ScoreRequest,
    "embed": EmbedRequest,
}


class Suggested(Message):
    """An item of a list."""

    id: str
    title: str
    score: float = Field(description="The network's logit: bigger is more expected.")
    probability: float = Field(
        description="Softmax over the whole catalogue, of logits over the run's temperature where "
        "it has one; see `calibrated` of /health."
    )
    seen: bool = Field(description="Whether the sequence holds it already.")


class Filled(Message):
    """A gap with what fits it, best first."""

    position: int = Field(description="Place in the sequence, from 0.")
    suggestions: list[Suggested]


class FillAnswer(Message):
    """The gaps of each query, in order."""

    fills: list[list[Filled]]


class RecommendAnswer(Message):
    """A list for each query, best first."""

    lists: list[list[Suggested]]


class ScoreAnswer(Message):
    """A score for each candidate of each query: bigger is more expected."""

    scores: list[list[float]]


class EmbedAnswer(Message):
    """A vector for each query and each item; their dot product is the item's score."""

    vectors: list[list[float]]
    item_vectors: list[list[float]]


class Health(Message):
    """That the service is there, and with what."""

    status: Literal["ok"] = "ok"
    version: str
    run: str | None
    name: str | None
    policy: str | None
    n_items: int
    n_users: int
    window: int = Field(description="Items of a history that the network reads.")
    calibrated: bool = Field(
        description="Whether probabilities are calibrated on hidden items where that pays; else "
        "they are the network's own and may be far too high or too low."
    )
    device: str


class Told(Message):
    """What went wrong, and what to do."""

    type: str
    message: str
    where: str | None = Field(
        default=None,
        description="Part of the body that the message, or the first of several, is about.",
    )
    fix: str | None = None


class Problem(Message):
    """The one form of all answers that are no success."""

    error: Told
