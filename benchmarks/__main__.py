"""Run benchmarks by name, all of them by default, and write each result beside its table."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.baselines import measure_baselines
from benchmarks.bulk import measure_bulk
from benchmarks.clicks import measure_clicks
from benchmarks.compose import measure_composer
from benchmarks.dashboard import measure_dashboard
from benchmarks.demo import measure_demo
from benchmarks.estimate import measure_estimates
from benchmarks.explain import measure_explaining
from benchmarks.gpu import measure_gpu
from benchmarks.infer import measure_inference
from benchmarks.ingest import measure_ingest
from benchmarks.link import measure_link
from benchmarks.maps import measure_maps
from benchmarks.metrics import measure_metrics
from benchmarks.quality import measure_quality
from benchmarks.scale import measure_scale
from benchmarks.train import measure_training
from bert4rec.device import describe_machine

RESULTS = Path(__file__).with_name("results")
BENCHMARKS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "train": measure_training,
    "quality": measure_quality,
    "baselines": measure_baselines,
    "metrics": measure_metrics,
    "scale": measure_scale,
    "gpu": measure_gpu,
    "infer": measure_inference,
    "bulk": measure_bulk,
    "explain": measure_explaining,
    "demo": measure_demo,
    "compose": measure_composer,
    "maps": measure_maps,
    "ingest": measure_ingest,
    "dashboard": measure_dashboard,
    "clicks": measure_clicks,
    "link": measure_link,
    "estimate": measure_estimates,
}


def main() -> None:
    """Print one table a benchmark and write it as JSON with the machine's facts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = sorted(set(names) - BENCHMARKS.keys())
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        rows = BENCHMARKS[name]()
        print(table(rows), end="\n\n")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"benchmark": name, "at": at, "commit": commit(), "machine": describe_machine()}
        document = facts | {"rows": rows}
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def commit() -> str:
    """Return the commit that is measured, marked when files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=RESULTS.parent, check=False)
    return found.stdout.strip()


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
