from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from tests.e2e.conftest import Server, Visit, open_page, settle
from tests.e2e.traffic import IN_STEPS
from tests.factories import ring_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser


def test_a_ring_shows_which_link_the_keyboard_is_at_and_headings_of_steps_are_no_stops(
    server: Server, page: Page
) -> None:
    page.goto(server.url)
    expect(page.get_by_role("button", name="Start the demo")).to_be_visible()
    settle(page)
    at_hand = page.locator("a:focus")
    for label in ("Data", "Go to data"):
        while not any(text.endswith(label) for text in at_hand.all_inner_texts()):
            page.keyboard.press("Tab")
        expect(at_hand).to_have_css("box-shadow", re.compile("2px$"))
    page.keyboard.press("Tab")
    expect(at_hand).to_contain_text("Go to training")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/train$"))


def change(field: Locator, value: str) -> None:
    """Type into a field as the keyboard does, and see all that comes of it."""
    field.fill(value)
    field.press("Enter")
    see_all(field.page)


def see_all(page: Page) -> None:
    """Wait until the page has drawn, one after the other, all that the last action changed."""
    settle(page)
    page.wait_for_function("window.isAllDrawn()")
    settle(page)


def open_in_steps(page: Page, address: str) -> None:
    """Open a page that draws each message of the server by itself from then on."""
    page.add_init_script(IN_STEPS)
    page.goto(address)
    settle(page)
    page.evaluate("window.drawsInSteps = true")


def test_a_group_of_settings_stays_as_it_is_while_they_are_changed(
    server: Server, page: Page
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    open_in_steps(page, f"{server.url}/train")
    page.get_by_text("Machine", exact=True).click()
    see_all(page)
    threads = page.get_by_role("spinbutton", name="CPU threads")
    change(threads, "1")
    expect(threads).to_be_focused()
    # The heading counts what is given once it is shut.
    page.get_by_text("Machine", exact=True).click()
    expect(page.get_by_text("Machine · 1 set")).to_be_visible()
    expect(threads).to_be_hidden()


def test_the_keyboard_stays_at_a_setting_that_becomes_wrong_and_right_again(
    server: Server, page: Page
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    open_in_steps(page, f"{server.url}/train")
    epochs = page.get_by_role("spinbutton", name="Epochs")
    change(epochs, "0")
    expect(page.get_by_text("To be put right first")).to_be_visible()
    expect(epochs).to_be_focused()
    change(epochs, "5")
    expect(page.get_by_text("To be put right first")).to_have_count(0)
    expect(epochs).to_be_focused()


def test_the_keyboard_stays_at_a_heading_that_says_something_else_once_it_is_open(
    server: Server, page: Page
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    open_in_steps(page, f"{server.url}/train")
    network = page.locator("summary").filter(has_text="Network")
    for told in ("Network · 1 set", "Network", "Network · 1 set"):
        expect(network.get_by_text(told, exact=True)).to_be_visible()
        network.focus()
        page.keyboard.press("Enter")
        see_all(page)
        expect(network).to_be_focused()


def test_what_is_typed_stays_when_a_queue_comes_to_its_end(
    server: Server, page: Page, visit: Visit
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    other = visit()
    other.goto(f"{server.url}/train")
    # A run that is paused does not end by itself, as one without a gain does. Of two presses within
    # a tenth of a second Streamlit may lose the first: nobody is that quick.
    for press in ("Start training", "Pause", "Resume", "New run", "Start training"):
        button = other.get_by_role("button", name=press)
        expect(button).to_be_visible()
        if press != "Resume":
            button.click()
    expect(other.get_by_text("1 paused, 1 waiting")).to_be_visible()
    open_in_steps(page, f"{server.url}/train")
    page.get_by_role("button", name="New run").click()
    see_all(page)
    name = page.get_by_label("Name of the run")
    name.fill("half a na")
    other.get_by_role("button", name="Take out", exact=True).click()
    expect(page.get_by_text("1 waiting")).to_have_count(0)
    see_all(page)
    expect(name).to_be_focused()
    expect(name).to_have_value("half a na")


def test_what_varies_in_a_search_opens_to_its_fields_and_is_typed_in_one_go(
    server: Server, page: Page
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    page.goto(f"{server.url}/search")
    settle(page)
    page.get_by_text("Learning rate: 0.0003 to 0.005, log range").click()
    settle(page)
    low, high = (page.get_by_role("textbox", name=name, exact=True) for name in ("From", "To"))
    low.fill("0.0004")
    low.press("Tab")
    settle(page)
    expect(high).to_be_focused()
    page.keyboard.type("0.004")
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_text("Learning rate", exact=True).click()
    expect(page.get_by_text("Learning rate: 0.0004 to 0.004, log range")).to_be_visible()
    expect(low).to_be_hidden()


def test_the_address_names_no_run_while_the_form_of_a_new_one_is_shown(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = create_run(server.workspace, dataset, Policy(settings=small_settings()), name="old")
    run.set_status(state="stopped")
    named, form = re.compile(rf"\?run={run.id}$"), re.compile(r"/train\?data=[^&]+$")
    filled = re.compile(form.pattern.removesuffix("$") + "&preset=balanced&set=n_epochs%3A0$")
    page.goto(f"{server.url}/train?run={run.id}")
    page.get_by_role("button", name="New run").click()
    expect(page).to_have_url(form)
    settle(page)
    epochs = page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("0")
    epochs.press("Enter")
    expect(page.get_by_text("should be a whole number").first).to_be_visible()
    # What is wrong is no part of the label that a screen reader reads.
    expect(epochs).to_be_visible()
    expect(page).to_have_url(filled)
    settle(page)
    page.go_back()
    expect(page.get_by_role("button", name="New run")).to_be_visible()
    expect(page).to_have_url(named)
    settle(page)
    page.get_by_role("button", name="New run").click()
    expect(page).to_have_url(filled)
    settle(page)
    # Elsewhere it is the run in use.
    open_page(page, "Home")
    expect(page).to_have_url(named)


def test_a_dialog_stays_open_with_what_was_typed_while_a_run_comes_further(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    policy = Policy("scoring_policy", small_settings())
    live, other = (create_run(server.workspace, dataset, policy, name=name) for name in "ab")
    live.set_status(state="running", epoch=1)
    page.goto(f"{server.url}/runs?compare={other.id}")
    page.get_by_role("button", name="Rename, note, tags").click()
    note = page.get_by_role("dialog").get_by_label("Note")
    note.fill("kept")
    for epoch in range(2, 5):
        live.set_status(state="running", epoch=epoch)
        # As long as the page takes to look, or longer.
        page.wait_for_timeout(2_500)
    expect(note).to_have_value("kept")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert other.label().note == "kept"


def test_a_sequence_that_is_being_typed_stays_when_the_run_on_the_page_ends(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = train(dataset, small_settings(n_epochs=1), workspace=server.workspace)
    run.set_status(state="running")
    page.goto(f"{server.url}/inspect?run={run.id}")
    follows = page.get_by_text("This run is training")
    expect(follows).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Own sequence").click()
    text = page.get_by_label("Titles or ids")
    text.fill("i1, i2")
    run.set_status(state="finished")
    expect(follows).to_have_count(0)
    settle(page)
    expect(text).to_be_visible()
    expect(text).to_have_value("i1, i2")


@pytest.mark.parametrize(("path", "title"), [("train", "Train"), ("search", "Search")])
def test_a_form_outlives_a_reload_and_its_fields_are_no_steps_of_the_way_back(
    server: Server, page: Page, path: str, title: str
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    page.goto(server.url)
    expect(page.get_by_role("heading", name="BERT4Rec", exact=True)).to_be_visible()
    settle(page)
    open_page(page, title)
    epochs = page.get_by_role("spinbutton", name="Epochs")
    page.wait_for_url("**data=**")
    settle(page)
    n_steps = page.evaluate("history.length")
    for value in ("7", "0", "9"):
        epochs.fill(value)
        epochs.press("Enter")
        page.wait_for_url(f"**n_epochs%3A{value}**")
        settle(page)
    page.reload()
    expect(epochs).to_have_value("9")
    expect(page).to_have_url(re.compile(f"/{path}[?].*n_epochs%3A9"))
    settle(page)
    assert page.evaluate("history.length") == n_steps
    page.go_back()
    expect(page.get_by_role("heading", name="BERT4Rec", exact=True)).to_be_visible()
