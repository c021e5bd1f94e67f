"""A comparison that was carried out: its facts, its tables, and its folder in the workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.comparing.figures import (
    ALL_METRICS,
    difference_table,
    sampled_table,
    score_table,
    slice_table,
)
from bert4rec.comparing.judging import JudgedPart
from bert4rec.comparing.plan import Entrant, run_titles
from bert4rec.data.collection import name_now
from bert4rec.data.split import Segments
from bert4rec.errors import Bert4RecError, FormatError, NotFoundError, SettingsError
from bert4rec.files import child_of, delete_folder, folder_swapped_in
from bert4rec.json_files import check_format, read_json, write_json
from bert4rec.runs.folder import Run

FORMAT_VERSION = 1
FOLDER_NAME = "comparisons"
AGAIN = "Delete its folder and compare again."
# Behind the name of a run that was deleted.
GONE = "gone"
ROW_COLUMNS = ("user_idx", "start", "end", "target")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs and baselines judged on the same users.

    Args:
        facts: What was compared on what, as plain data: `id`, `created_at`, `dataset`, `split`,
            `entrants`, `left_out`, `reference`, `lists` and how they were made.
        parts: The judged rows: `test`, and `unseen_users` where users were held out whole.
        members: Which row of a part belongs to which slice.
        folder: Where it lies, None while it lives in memory only.
    """

    facts: dict[str, Any]
    parts: dict[str, JudgedPart]
    members: dict[str, pd.DataFrame]
    folder: Path | None = None

    @property
    def id(self) -> str:
        """Its name in the workspace."""
        return str(self.facts["id"])

    @cached_property
    def entrants(self) -> dict[str, Entrant]:
        """Who was judged, by key."""
        return {told["key"]: Entrant(**told) for told in self.facts["entrants"]}

    @property
    def reference(self) -> str:
        """Key of the one that the others are held against unless another is asked for."""
        return str(self.facts["reference"])

    @property
    def seed(self) -> int:
        """Chance behind its draws and resamples."""
        return int(self.facts["seed"])

    def find(self, name: str) -> str:
        """Return the key of an entrant by key or title.

        Raises:
            SettingsError: there is none of that name.
        """
        by_title = {entrant.title: key for key, entrant in self.entrants.items()}
        found = name if name in self.entrants else by_title.get(name)
        if found is None:
            raise SettingsError(
                [f"{name!r} is not among those that were compared"],
                fix=f"They are {', '.join(self.entrants)}.",
            )
        return found

    def scores(self, part: str = "test", metrics: Sequence[str] = ALL_METRICS) -> pd.DataFrame:
        """Return each entrant's figures with intervals, as `figures.score_table` does."""
        return score_table(self.parts[part], metrics, seed=self.seed)

    def differences(
        self,
        part: str = "test",
        reference: str | None = None,
        metrics: Sequence[str] = ALL_METRICS,
    ) -> pd.DataFrame:
        """Return paired differences from a reference, as `figures.difference_table` does."""
        against = self.find(reference or self.reference)
        return difference_table(self.parts[part], against, metrics, seed=self.seed)

    def slices(self, part: str = "test", reference: str | None = None) -> pd.DataFrame:
        """Return figures by slice, as `figures.slice_table` does."""
        against = self.find(reference or self.reference)
        return slice_table(self.parts[part], self.members[part], against, seed=self.seed)

    def lists(self, part: str = "test") -> pd.DataFrame:
        """Return what each entrant's lists are like, as `list_figures` tells."""
        return pd.DataFrame(self.facts["lists"][part])

    def sampled(self, part: str = "test") -> pd.DataFrame:
        """Return the figures among 100 sampled items; no rows unless they were asked for."""
        return sampled_table(self.parts[part])

    def document(self, reference: str | None = None) -> dict[str, Any]:
        """Return facts and tables as plain data, for JSON; what is not a number is None."""
        against = self.find(reference or self.reference)
        parts = {
            name: {
                "n_rows": len(part.rows),
                "n_users": len(np.unique(part.rows.user_idx)),
                "n_all": part.n_all,
                "scores": plain_rows(self.scores(name)),
                "differences": plain_rows(self.differences(name, against)),
                "slices": plain_rows(self.slices(name, against)),
                "lists": self.facts["lists"][name],
                "sampled": plain_rows(self.sampled(name)),
            }
            for name, part in self.parts.items()
        }
        known = {name: value for name, value in self.facts.items() if name != "lists"}
        return known | {"reference": against, "parts": parts}

    def retitled(self, workspace: Path) -> Comparison:
        """Return it with runs and dataset called as they are now; a run that is gone says so."""
        return replace(self, facts=_retitled(self.facts, workspace))

    def save(self, folder: Path) -> Comparison:
        """Write the comparison to `folder`, all or nothing, and return it opened from there."""
        with folder_swapped_in(folder) as new:
            pq.write_table(pa.concat_tables(_row_tables(self.parts)), new / "rows.parquet")
            pq.write_table(pa.concat_tables(_list_tables(self.parts)), new / "lists.parquet")
            tables = [table.assign(part=name) for name, table in self.members.items()]
            pd.concat(tables).to_parquet(new / "slices.parquet", index=False)
            write_json(new / "comparison.json", {"format_version": FORMAT_VERSION} | self.facts)
        return open_comparison(folder)


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as plain data, None for what is not a number."""
    columns = table.astype(object).where(table.notna(), None)
    names = list(map(str, table.columns))
    return [dict(zip(names, row, strict=True)) for row in columns.itertuples(False, None)]


def _row_tables(parts: dict[str, JudgedPart]) -> Iterator[pa.Table]:
    for name, part in parts.items():
        columns = {
            "part": pa.array([name] * len(part.rows)),
            "user_idx": part.rows.user_idx,
            "start": part.rows.starts,
            "end": part.rows.ends,
            "target": part.targets,
        }
        columns |= {f"rank:{key}": ranks for key, ranks in part.ranks.items()}
        yield pa.table(columns | {f"sampled:{key}": ranks for key, ranks in part.sampled.items()})


def _list_tables(parts: dict[str, JudgedPart]) -> Iterator[pa.Table]:
    for name, part in parts.items():
        columns = {"part": pa.array([name] * len(part.rows))}
        for key, top in part.lists.items():
            flat = pa.array(top.astype(np.int32).ravel())
            columns[key] = pa.FixedSizeListArray.from_arrays(flat, top.shape[1])
        yield pa.table(columns)


def open_comparison(folder: Path) -> Comparison:
    """Open a comparison folder.

    Raises:
        NotFoundError: there is no comparison in `folder`.
        FormatError: it was written by a newer version or is damaged.
    """
    if not (folder / "comparison.json").is_file():
        raise NotFoundError(f"there is no comparison {folder.name!r}", where=str(folder.parent))
    facts = read_json(folder / "comparison.json", AGAIN)
    check_format(facts, FORMAT_VERSION, folder)
    try:
        rows, lists = (pq.read_table(folder / f"{name}.parquet") for name in ("rows", "lists"))
        members = pd.read_parquet(folder / "slices.parquet")
        names = rows["part"].to_pandas()
        parts, by_part = {}, {}
        for name in names.unique():
            places = np.flatnonzero(names == name)
            n_all = int(facts["n_all"][name])
            parts[str(name)] = _part(rows.take(places), lists.take(places), n_all)
            is_here = members["part"] == name
            by_part[str(name)] = members[is_here].drop(columns="part").reset_index(drop=True)
        found = Comparison(facts, parts, by_part, folder)
        is_whole = all(part.ranks.keys() == found.entrants.keys() for part in parts.values())
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise _damaged(folder) from error
    if not parts or not is_whole or found.reference not in found.entrants:
        raise _damaged(folder)
    return found


def _part(rows: pa.Table, lists: pa.Table, n_all: int) -> JudgedPart:
    user_idx, start, end, target = (rows[name].to_numpy() for name in ROW_COLUMNS)

    def named(sign: str) -> dict[str, np.ndarray]:
        return {
            name.removeprefix(sign): rows[name].to_numpy()
            for name in rows.column_names
            if name.startswith(sign)
        }

    tops = {}
    for name in lists.column_names[1:]:
        width = lists.schema.field(name).type.list_size
        flat = lists[name].combine_chunks().flatten().to_numpy()
        tops[name] = flat.reshape(-1, width)
    segments = Segments(user_idx, start, end)
    return JudgedPart(segments, target, n_all, named("rank:"), tops, named("sampled:"))


def _damaged(folder: Path) -> FormatError:
    return FormatError(
        f"comparison {folder.name!r} is damaged",
        where=str(folder),
        fix=AGAIN,
        is_damaged=True,
    )


def comparison_folder(workspace: Path, comparison_id: str) -> Path:
    """Return where a comparison lies, or would lie.

    Raises:
        NotFoundError: the id is no plain name.
    """
    return child_of(workspace / FOLDER_NAME, comparison_id)


def _retitled(facts: dict[str, Any], workspace: Path) -> dict[str, Any]:
    runs = [told for told in facts["entrants"] if told["kind"] == "run"]
    others = [told["title"] for told in facts["entrants"] if told["kind"] != "run"]
    names: dict[str, str] = {}
    titles = {}
    for told in runs:
        run_id = str(told["key"])
        try:
            names[run_id] = Run(workspace / "runs" / run_id).name
        except NotFoundError:
            titles[run_id] = f"{told['title']} ({GONE})"
        except FormatError:
            titles[run_id] = told["title"]
    titles |= run_titles(names, [*others, *titles.values()])
    entrants = [
        told | {"title": titles.get(told["key"], told["title"])} for told in facts["entrants"]
    ]
    data = facts["dataset"] | {"name": name_now(workspace, facts["dataset"])}
    return facts | {"entrants": entrants, "dataset": data}


def list_comparisons(workspace: Path) -> list[dict[str, Any]]:
    """Return the facts of the workspace's comparisons, newest first; damaged ones are left out.

    Their runs are called as they are now.
    """
    parent, found = workspace / FOLDER_NAME, []
    for path in parent.glob("[!.]*/comparison.json") if parent.is_dir() else ():
        try:
            facts = read_json(path)
            check_format(facts, FORMAT_VERSION, path.parent)
            found.append(_retitled(facts, workspace))
        except (Bert4RecError, KeyError, TypeError):
            continue
    return sorted(
        found,
        key=lambda facts: (str(facts.get("created_at", "")), str(facts.get("id", ""))),
        reverse=True,
    )


def delete_comparison(workspace: Path, comparison_id: str) -> None:
    """Delete a comparison; runs and dataset stay.

    Raises:
        NotFoundError: there is none of that id.
        UnwritableError: it cannot be deleted; it is as it was.
    """
    folder = comparison_folder(workspace, comparison_id)
    if not folder.is_dir():
        raise NotFoundError(f"there is no comparison {comparison_id!r}", where=str(folder.parent))
    delete_folder(folder)
