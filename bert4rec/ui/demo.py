"""The demo: a bundled sample, prepared and handed to the job service."""

from __future__ import annotations

from pathlib import Path

from bert4rec.data.samples import SAMPLES, prepare_sample
from bert4rec.jobs import JobService
from bert4rec.names import free_name
from bert4rec.policy import Policy
from bert4rec.presets import PRESETS
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, taken_names
from bert4rec.setting_checks import parse_settings

SAMPLE = "playlists"


def start_demo(workspace: Path, service: JobService, sample: str = SAMPLE) -> Run:
    """Prepare a sample, make a run with the settings for a demo and submit it.

    Raises:
        Bert4RecError: the sample is not there, or the run cannot be started.
    """
    dataset = prepare_sample(sample, workspace)
    policy = Policy("scoring_policy", parse_settings(PRESETS["quick"].values))
    name = free_name(f"{SAMPLES[sample].title} demo", taken_names(workspace))
    return service.make_and_submit(
        policy.settings.device, lambda: create_run(workspace, dataset, policy, name=name)
    )
