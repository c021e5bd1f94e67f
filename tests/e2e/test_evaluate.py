from __future__ import annotations

import re

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from bert4rec.comparing.compare import compare
from bert4rec.pipeline import train
from tests.e2e.conftest import Server, Visit, choose, settle
from tests.factories import ring_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser
# The lines of names in a chart.
LINES = "all => all.map(one => [...one.querySelectorAll('tspan')].map(line => line.textContent))"


def test_models_and_baselines_are_compared_by_clicks_and_a_link_shows_it_to_others(
    server: Server, page: Page, visit: Visit
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = train(dataset, small_settings(n_epochs=8), workspace=server.workspace, name="of both")
    page.goto(f"{server.url}/evaluate?run={run.id}")
    expect(page.get_by_text("What the baselines are")).to_be_visible()
    settle(page)
    page.get_by_text("What the baselines are").click()
    expect(page.get_by_role("table", name="The baselines with source")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    finding = page.get_by_role("heading", name=re.compile("the highest NDCG"))
    expect(finding).to_be_visible()
    settle(page)
    expect(page).to_have_url(re.compile("comparison="))
    # The verdict stands above, with what it goes by.
    expect(page.get_by_text(re.compile("^At least half of the 240 histories"))).to_be_visible()
    said = finding.inner_text()

    choose(page.get_by_role("combobox", name="By", exact=True), "HR@5")
    expect(page).to_have_url(re.compile(r"metric=hr%40?5|metric=hr@5"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Scores (CSV)").click()
    assert download.value.path().read_text("utf-8").startswith("entrant,")

    other = visit()
    other.goto(page.url.replace("hr%405", "ndcg%4010").replace("hr@5", "ndcg@10"))
    expect(other.get_by_role("heading", name=said)).to_be_visible()
    other.close()

    page.get_by_role("button", name="Delete", exact=True).first.click()
    settle(page)
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_visible()
    settle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_tables_of_runs_with_long_names_need_no_sideways_scrolling_on_a_small_screen(
    server: Server, visit: Visit
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    name = "balanced preset, hidden {}, seed 3, all events kept"
    runs = [
        train(
            dataset,
            small_settings(n_epochs=1, hidden_size=size),
            workspace=server.workspace,
            name=name.format(size),
        )
        for size in (8, 16)
    ]
    made = compare(runs, workspace=server.workspace)
    page = visit(viewport={"width": 1024, "height": 1000})
    for path in (f"evaluate?comparison={made.id}", f"runs?compare={runs[0].id},{runs[1].id}"):
        page.goto(f"{server.url}/{path}")
        tables = page.locator(".reading-table")
        expect(tables).to_have_count(2)
        settle(page)
        assert tables.get_by_text(name.format(16)).count() == 2
        widths = "all => all.map(one => [one.scrollWidth, one.clientWidth])"
        assert all(whole <= seen for whole, seen in tables.evaluate_all(widths))


def test_a_comparison_of_runs_is_a_file_with_the_figures_of_their_summaries(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    runs = [
        train(
            dataset,
            small_settings(n_epochs=1, hidden_size=size),
            workspace=server.workspace,
            name=f"hidden {size}",
        )
        for size in (8, 16)
    ]
    page.goto(f"{server.url}/runs?compare={runs[0].id},{runs[1].id}")
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Comparison (CSV)").click()
    table = pd.read_csv(download.value.path()).set_index("run_id")
    for run in runs:
        summary, line = run.summary(), table.loc[run.id]
        assert summary is not None
        assert line["run"] == run.name
        assert line["hidden_size"] == run.hyperparameters().hidden_size
        assert line["test_ndcg@10"] == summary["test"]["ndcg@10"]
        ends = summary["report"]["test"]["bert4rec"]["intervals"]["ndcg@10"]
        assert [line["test_ndcg@10_low"], line["test_ndcg@10_high"]] == ends


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_names_stay_beside_their_figures_and_in_legends_are_not_cut_off(
    theme: str, server: Server, visit: Visit
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    names = [f"balanced preset, hidden {size}, all events kept" for size in (8, 16)]
    runs = [
        train(dataset, small_settings(n_epochs=2), workspace=server.workspace, name=name)
        for name in names
    ]
    made = compare(runs, workspace=server.workspace)
    page = visit(viewport={"width": 390, "height": 900}, color_scheme=theme)
    page.goto(f"{server.url}/evaluate?comparison={made.id}")
    table = page.locator(".reading-table").first
    expect(table).to_be_visible()
    settle(page)
    first = table.get_by_role("row").nth(1).get_by_role("cell").first
    before = first.bounding_box()
    assert table.evaluate("all => all.scrollWidth - all.clientWidth") > 50
    table.evaluate("all => { all.scrollLeft = 50; }")
    assert first.bounding_box() == before
    # What goes on below it does not shine through.
    ground = "of => getComputedStyle(of).backgroundColor"
    assert first.evaluate(ground) == page.get_by_test_id("stApp").evaluate(ground)
    page.goto(f"{server.url}/runs?compare={runs[0].id},{runs[1].id}")
    legends = page.locator(".role-legend-label text")
    expect(legends).to_have_count(4)
    settle(page)
    told = [" ".join(lines) for lines in legends.evaluate_all(LINES)]
    assert told == names * 2


def test_a_choice_whose_name_is_wider_than_its_box_ends_in_a_sign(
    server: Server, visit: Visit
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    first, _ = (
        train(
            dataset,
            small_settings(n_epochs=1),
            workspace=server.workspace,
            name=f"the {number} of two runs, with all events that were kept",
        )
        for number in ("first", "second")
    )
    made = compare(first, "none", workspace=server.workspace)
    page = visit(viewport={"width": 390, "height": 900})
    page.goto(f"{server.url}/evaluate?comparison={made.id}")
    box = page.get_by_role("combobox", name="Comparison")
    expect(box).to_be_visible()
    settle(page)
    box.click()
    option = page.get_by_role("option", name=first.name).locator("> div")
    assert are_cut_with_a_sign(box, option)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Compare others").click()
    page.get_by_role("combobox", name="Runs").click()
    assert are_cut_with_a_sign(page.get_by_role("option", name=first.name).locator("> div"))


def are_cut_with_a_sign(*parts: Locator) -> bool:
    """Whether parts are wider than they are shown, and end in an ellipsis there."""
    for part in parts:
        expect(part).to_be_visible()
    # In a flexible box none is drawn.
    is_so = """it => {
        const { textOverflow, display } = getComputedStyle(it);
        const isCut = it.scrollWidth > it.clientWidth;
        return isCut && textOverflow === 'ellipsis' && !display.includes('flex');
    }"""
    return all(part.evaluate(is_so) for part in parts)
