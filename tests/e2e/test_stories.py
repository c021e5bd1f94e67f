"""The three guided stories of the Recommend page, played to their ends in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from bert4rec.data.samples import prepare_sample
from bert4rec.pipeline import train
from bert4rec.stories import STORIES, Story
from tests.e2e.conftest import Server, settle
from tests.factories import small_settings

pytestmark = pytest.mark.browser

N_GAPS = 2


def play(page: Page, url: str, story: Story, look: Callable[[str], None] | None = None) -> None:
    """Play a story to its end.

    Args:
        page: A visitor.
        url: The dashboard, whose workspace holds a run on the story's sample.
        story: The story.
        look: Called at each stage with its name: `asked`, `told`, `shown`.
    """
    seen = look or (lambda stage: None)
    page.goto(f"{url}/recommend?view=show&story={story.name}")
    expect(page.get_by_role("heading", name=story.title)).to_be_visible()
    expect(page.get_by_text("Missing", exact=True)).to_have_count(N_GAPS)
    settle(page)
    seen("asked")
    press(page, "Find what is missing")
    expect(page.get_by_text("Missing", exact=True)).to_have_count(0)
    expect(sure(page)).to_have_count(N_GAPS)
    settle(page)
    seen("told")
    press(page, "Show what was there")
    expect(page.get_by_text(f"of {N_GAPS} are what was there")).to_be_visible()
    settle(page)
    seen("shown")


def words_in_two(page: Page) -> list[str]:
    """The words of titles on cards that begin on one line and end on the next."""
    found: list[str] = page.locator("h4").evaluate_all(
        """titles => titles.flatMap(title => {
            const walker = document.createTreeWalker(title, NodeFilter.SHOW_TEXT);
            const cut = [];
            for (let node = walker.nextNode(); node; node = walker.nextNode())
                for (const word of node.data.matchAll(/\\S+/g)) {
                    const place = document.createRange();
                    place.setStart(node, word.index);
                    place.setEnd(node, word.index + word[0].length);
                    const tops = [...place.getClientRects()].map(each => Math.round(each.top));
                    if (new Set(tops).size > 1) cut.push(word[0]);
                }
            return cut;
        })"""
    )
    return found


def test_no_word_of_a_title_is_cut_in_two(server: Server, page: Page) -> None:
    story = STORIES["course"]
    dataset = prepare_sample(story.sample, server.workspace)
    settings = small_settings(n_epochs=1, batch_size=256, eval_step=0)
    train(dataset, settings, workspace=server.workspace)
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{server.url}/recommend?view=show&story={story.name}")
    # Of the longest words in the titles of the samples.
    expect(page.get_by_role("heading", name="Thermodynamics").first).to_be_visible()
    settle(page)
    assert words_in_two(page) == []


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
    settle(page)


def sure(page: Page) -> Locator:
    """The badges that say how sure the choices are."""
    return (
        page.get_by_text("Very sure")
        .or_(page.get_by_text("Fairly sure"))
        .or_(page.get_by_text("One of several that fit"))
    )


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_played_to_its_end_and_the_next_one_begins(
    server: Server, page: Page, name: str
) -> None:
    story = STORIES[name]
    dataset = prepare_sample(story.sample, server.workspace)
    # It knows little, which makes a story neither shorter nor another one.
    settings = small_settings(n_epochs=1, batch_size=256, eval_step=0)
    train(dataset, settings, workspace=server.workspace)
    told: list[str] = []
    play(page, server.url, story, told.append)
    assert told == ["asked", "told", "shown"]
    press(page, "Another example")
    expect(page.get_by_text("Missing", exact=True)).to_have_count(N_GAPS)
    expect(page).to_have_url(f"{server.url}/recommend?view=show&story={name}&task=2")
