from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.recipe import Recipe, read_recipe, recipe_of
from bert4rec.data.refine import refine
from bert4rec.data.roles import Roles
from bert4rec.errors import Bert4RecError, DatasetError, FormatError
from bert4rec.json_files import write_json

ROWS = "".join(f"u{n % 6};i{n * n % 11};{1_700_000_000 + n};{n % 2}\n" for n in range(60))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("who;what;when_at;action\n" + ROWS)
    return path


def recipe_in(folder: Path, log: Path, workspace: Path) -> Path:
    settings = PrepareSettings(events=("1",), min_item_count=2)
    roles = Roles("who", "what", "when_at", event="action")
    made = prepare(log, workspace=workspace, roles=roles, settings=settings)
    write_json(folder / "recipe.json", recipe_of(made.manifest).document())
    return folder / "recipe.json"


def test_a_recipe_makes_the_same_dataset_of_the_same_log(
    log: Path, tmp_path: Path, workspace: Path
):
    recipe = read_recipe(recipe_in(tmp_path, log, workspace))
    made = prepare(log, workspace=workspace, roles=recipe.roles, settings=recipe.settings)
    again = prepare(
        log,
        workspace=tmp_path / "elsewhere",
        roles=recipe.roles,
        settings=recipe.settings,
        form=recipe.form,
    )
    assert again.fingerprint == made.fingerprint
    assert recipe == Recipe.model_validate(json.loads(json.dumps(recipe.document())))


def test_a_frame_and_a_refined_dataset_have_none(log: Path, tmp_path: Path, workspace: Path):
    frame = pd.DataFrame({"user": list("aaabbb"), "item": list("xyzzyx")})
    with pytest.raises(DatasetError, match="made of a frame"):
        recipe_of(prepare(frame, workspace=workspace).manifest)
    recipe = read_recipe(recipe_in(tmp_path, log, workspace))
    made = prepare(log, workspace=workspace, roles=recipe.roles, settings=recipe.settings)
    refined = refine(made, {"min_item_count": 3}, workspace=workspace)
    assert made.folder is not None
    with pytest.raises(DatasetError, match="of another one") as caught:
        recipe_of(refined.manifest)
    assert made.folder.name in str(caught.value.fix)


def test_items_that_came_as_a_frame_are_to_be_handed_over(log: Path, workspace: Path):
    items = pd.DataFrame({"item": ["i0", "i1"], "title": ["Nought", "One"]})
    roles = Roles("who", "what", "when_at")
    recipe = recipe_of(prepare(log, items=items, roles=roles, workspace=workspace).manifest)
    assert recipe.document()["items"] == {"name": None, "key": "item", "title": "title"}
    assert recipe.command.endswith("--recipe FILE --items ITEMS")
    items.to_csv(log.parent / "items", index=False)
    made = prepare(log, items=log.parent / "items", roles=roles, workspace=workspace, name="file")
    recipe = recipe_of(made.manifest)
    assert recipe.document()["items"]["name"] == "items"
    assert recipe.command.endswith("--recipe FILE")


def test_a_manifest_that_does_not_say_how_it_was_made_is_refused():
    with pytest.raises(FormatError, match="does not say how"):
        recipe_of({"name": "old"})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "JSON"),
        ("[1]", "no recipe"),
        ("{}", "form: Field required"),
        (
            '{"form": "csv", "roles": {"user": "u"}, "settings": {}}',
            "roles.item: Field required",
        ),
        (
            '{"form": "csv", "roles": {"user": "u", "item": "i"}, "settings": {"min_items": 2}}',
            "settings.min_items: Extra inputs",
        ),
        (
            '{"recipe_version": 2, "form": "csv", "roles": {"user": "u", "item": "i"},'
            ' "settings": {}}',
            "recipe_version: Input should be 1",
        ),
    ],
)
def test_what_is_no_recipe_is_refused_with_its_place(content: str, problem: str, tmp_path: Path):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(Bert4RecError) as caught:
        read_recipe(path)
    assert problem in str(caught.value)
    assert caught.value.fix


def test_a_recipe_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(Bert4RecError):
        read_recipe(tmp_path / "none.json")
