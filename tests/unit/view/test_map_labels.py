from __future__ import annotations

import numpy as np

from bert4rec.view.group_colours import GroupLook
from bert4rec.view.map_charts import Rings
from bert4rec.view.map_colours import Group
from bert4rec.view.map_labels import MAX_LETTERS, group_labels, item_labels, middle_of

POINTS = np.array([[at, 2 * at] for at in range(12)])
LOOK = GroupLook("#000000")


def test_the_item_in_focus_is_named_and_then_its_five_nearest() -> None:
    titles = [f"Title {at}" for at in range(12)]
    labels = item_labels(Rings(3, [11, 0, 5, 7, 1, 2, 4]), POINTS, titles, axes="2")
    assert [label.text for label in labels] == [f"Title {at}" for at in (3, 11, 0, 5, 7, 1)]
    assert [label.kind for label in labels] == ["focus", *["near"] * 5]
    assert (labels[0].x, labels[0].y, labels[0].axes) == (3, 6, "2")


def test_a_long_title_is_cut_short() -> None:
    (label,) = item_labels(Rings(0), POINTS, ["x" * 99] * 12)
    assert len(label.text) == MAX_LETTERS
    assert label.text.endswith("…")


def test_groups_are_named_and_what_has_no_name_in_common_is_not() -> None:
    groups = [
        Group("Not known", np.array([3]), LOOK),
        Group("calm", np.array([0, 1, 2]), LOOK, is_named=True),
        Group("wild", np.array([9, 10, 11]), LOOK, is_named=True),
        Group("Other (3 groups)", np.array([4, 5]), LOOK),
    ]
    labels = group_labels(groups, POINTS)
    assert [(label.text, label.x, label.kind, label.trace) for label in labels] == [
        ("calm", 1, "group", 1),
        ("wild", 10, "group", 2),
    ]


def test_one_group_alone_needs_no_name() -> None:
    assert not group_labels([Group("all", np.arange(12), LOOK, is_named=True)], POINTS)


def test_a_group_in_several_places_is_named_at_one_of_its_members() -> None:
    two_heaps = np.array([[0, 0], [1, 0], [0, 1], [100, 100], [101, 100]])
    assert middle_of(two_heaps).tolist() in two_heaps.tolist()
