"""Recipes: how a dataset was made of its log, to make another log into one the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bert4rec.data.filters import PrepareSettings
from bert4rec.data.roles import Roles
from bert4rec.errors import DatasetError, FormatError
from bert4rec.json_files import read_json


class RecipeItems(BaseModel):
    """The item table of a recipe: name of the file, and the columns of ids and titles.

    One that came as a frame has no name: it is to be handed over.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None
    key: str | None = None
    title: str | None = None


class Recipe(BaseModel):
    """How a log becomes a dataset: form, columns, item table, what is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe_version: Literal[1] = 1
    form: str
    roles: Roles
    settings: PrepareSettings
    items: RecipeItems | None = None

    def document(self) -> dict[str, Any]:
        """Return the recipe as plain data, as it is written."""
        return self.model_dump(mode="json")

    @property
    def command(self) -> str:
        """The command that replays it."""
        has_frame = self.items is not None and self.items.name is None
        return "bert4rec prepare LOG --recipe FILE" + " --items ITEMS" * has_frame


def recipe_of(manifest: dict[str, Any]) -> Recipe:
    """Return the recipe by which a dataset was made, from its manifest.

    Raises:
        DatasetError: it was made of a frame, or of another dataset, and not of a log.
        FormatError: the manifest does not say how it was made.
    """
    name = str(manifest.get("name"))
    if manifest.get("refined_from"):
        raise DatasetError(
            "the dataset was made of another one, not of a log",
            where=name,
            fix=f"Take the recipe of {manifest['refined_from']} and add the stricter settings.",
        )
    source, table = manifest.get("source") or {}, manifest.get("item_table")
    if source.get("form") == "frame":
        raise DatasetError(
            "the dataset was made of a frame, not of a log",
            where=name,
            fix="Call bert4rec.prepare as before; a recipe is for files.",
        )
    items = None
    if table:
        name_of_file = None if table.get("form") == "frame" else table.get("name")
        items = {"name": name_of_file, "key": table.get("key"), "title": table.get("title")}
    made = {
        "form": source.get("form"),
        "roles": manifest.get("roles"),
        "settings": manifest.get("settings"),
        "items": items,
    }
    try:
        return Recipe.model_validate(made)
    except ValidationError as error:
        raise FormatError(
            f"the manifest does not say how the dataset was made: {_first(error)}",
            where=name,
            fix="Prepare the log again.",
        ) from error


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is no recipe, or one of a later version.
    """
    try:
        return Recipe.model_validate(read_json(path))
    except FormatError as error:
        raise _no_recipe(path, error.message) from error
    except ValidationError as error:
        raise _no_recipe(path, _first(error)) from error


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    return f"{place}: {problem['msg']}"


def _no_recipe(path: Path, problem: str) -> FormatError:
    return FormatError(
        f"the file is no recipe: {problem}",
        where=path.name,
        fix="Write one with bert4rec datasets recipe NAME --out FILE.",
    )
