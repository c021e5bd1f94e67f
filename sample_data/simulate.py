"""Write the simulated samples: `python sample_data/simulate.py [playlists] [reading] [courses]`.

The same script writes the same bytes every time; the seeds are constants of the processes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from ceilings import ceiling
from course_process import courses
from playlist_process import playlists
from process import Sample
from reading_process import reading

SAMPLES: dict[str, Callable[[], Sample]] = {
    "playlists": playlists,
    "reading": reading,
    "courses": courses,
}
HERE = Path(__file__).resolve().parent


def interactions(sample: Sample) -> pd.DataFrame:
    """Return one row an interaction, a sequence after the other, each ordered in time."""
    width = len(str(len(sample.sequences)))
    item_ids = [str(item["item_id"]) for item in sample.items]
    rows = [
        (f"{sample.user_prefix}{i:0{width}d}", item_ids[item], time)
        for i, (items, times) in enumerate(zip(sample.sequences, sample.times, strict=True), 1)
        for item, time in zip(items, times, strict=True)
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def write_tables(sample: Sample, folder: Path) -> None:
    """Write `interactions.csv` and `items.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    interactions(sample).to_csv(folder / "interactions.csv", index=False, lineterminator="\n")
    items = pd.DataFrame(sample.items)
    items.to_csv(folder / "items.csv", index=False, lineterminator="\n")


def write_ceiling(sample: Sample, folder: Path) -> None:
    """Write `ceiling.json`."""
    text = json.dumps(ceiling(sample), indent=2) + "\n"
    (folder / "ceiling.json").write_bytes(text.encode("utf-8"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the named samples, all of them by default."""
    parser = argparse.ArgumentParser(description="Write the simulated samples.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(SAMPLES))
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(SAMPLES))
    if unknown:
        parser.error(f"no sample named {', '.join(unknown)}; there are {', '.join(SAMPLES)}")
    for name in options.names or SAMPLES:
        sample = SAMPLES[name]()
        write_tables(sample, options.out / name)
        write_ceiling(sample, options.out / name)
        print(f"{name}: {len(sample.sequences)} sequences, {len(sample.items)} items")


if __name__ == "__main__":
    main()
