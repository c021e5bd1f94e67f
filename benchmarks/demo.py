"""The demo without a browser: seconds to a judged model, and how near it comes to the ceiling."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from bert4rec.data.samples import SAMPLES, prepare_sample
from bert4rec.held_out.future_report import report_places
from bert4rec.held_out.places import middle_places
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings


def measure_demo() -> list[dict[str, Any]]:
    """Return a row a sample, trained with the preset of the demo."""
    return [measure_sample(name) for name in SAMPLES]


def measure_sample(name: str) -> dict[str, Any]:
    """Prepare, train and judge one sample; the middle item is that of every history."""
    settings = parse_settings(PRESETS["quick"].values)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        dataset = prepare_sample(name, Path(folder))
        run = train(dataset, settings, workspace=folder)
        seconds = time.perf_counter() - began
        places = middle_places(dataset, settings.max_seq_length)
        report = report_places(load_model(run), places)
        test = (run.summary() or {})["test"]
    ceiling = SAMPLES[name].ceiling
    both, past = (report.contexts[context].ndcg.mean for context in ("both", "past"))
    top = ceiling["masked_middle_item"]["ndcg_at_10"]
    return {
        "sample": name,
        "seconds": round(seconds, 1),
        "middle, both sides": round(both, 3),
        "ceiling": top,
        "share": f"{both / top:.0%}",
        "middle, past only": round(past, 3),
        "next item": round(test["ndcg@10"], 3),
        "its ceiling": ceiling["next_item"]["ndcg_at_10"],
    }
