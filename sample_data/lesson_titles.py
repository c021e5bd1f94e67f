"""Titles of lessons, put together from the topics of a subject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from titles import distinct, pick

TOPICS = {
    "Statistics": "Probability;Sampling;Regression;Hypothesis Tests;Bayesian Inference;Time Series;"
    "Survey Design;Causal Graphs;Bootstrap Methods;Mixed Models;Survival Analysis",
    "Programming": "Functions;Recursion;Data Structures;Testing;Debugging;Concurrency;Type Systems;"
    "Parsing;Profiling;Version Control;Interfaces",
    "Data Visualisation": "Colour Scales;Maps;Bar Charts;Scatter Plots;Dashboards;Annotation;"
    "Small Multiples;Network Diagrams;Uncertainty Displays;Animation;Layout",
    "Economics": "Supply and Demand;Elasticity;Game Theory;Inflation;Labour Markets;Trade;"
    "Public Goods;Auctions;Growth Models;Behavioural Choice;Taxation",
    "Biology": "Cells;Genetics;Evolution;Ecology;Metabolism;Neurons;Plant Physiology;"
    "Microbes;Immunity;Bioinformatics;Development",
    "Music Theory": "Rhythm;Scales;Harmony;Counterpoint;Orchestration;Sight-Reading;Modulation;"
    "Song Form;Ear Training;Improvisation;Voice Leading",
    "Drawing": "Line;Perspective;Light and Shadow;Gesture;Portraits;Composition;Ink;Watercolour;"
    "Anatomy;Landscape;Texture",
    "Writing": "Plot;Dialogue;Point of View;Scene;Revision;Memoir;Voice;Setting;Short Fiction;"
    "Feature Articles;Metaphor",
    "History": "Primary Sources;Chronology;Archives;Oral History;Trade Routes;City-States;"
    "Industrialisation;Migration;Revolutions;Everyday Life;Cartography",
    "Physics": "Motion;Forces;Energy;Waves;Optics;Thermodynamics;Electric Fields;Quantum States;"
    "Relativity;Fluids;Oscillators",
}
FORMS = {
    "foundation": (
        "Introduction to {topic}", "First Steps in {topic}", "{topic} from Scratch",
        "Why {topic} Matters", "A Tour of {topic}",
    ),
    "elective": (
        "Five Minutes of {topic}", "A Quiz on {topic}", "Open Questions in {topic}",
        "A Short History of {topic}", "{topic} for the Curious",
    ),
    "intermediate": (
        "{topic} in Practice", "Working with {topic}", "{topic} and {other}",
        "Common Mistakes in {topic}", "{topic}: A Closer Look", "Choosing the Right {topic}",
    ),
    "advanced": (
        "Project: {topic}", "{topic} Masterclass", "Advanced {topic}", "Case Study: {topic}",
        "{topic} meets {other}", "Capstone in {topic}", "{topic} at Scale",
    ),
}  # fmt: skip


def lesson_titles(subjects: Sequence[str], levels: Sequence[str], seed: int) -> list[str]:
    """Write one distinct title for each lesson, in words that suit its subject and level."""
    rng, taken = np.random.default_rng([seed, 2]), set[str]()
    pairs = zip(subjects, levels, strict=True)
    return [distinct(_candidates(subject, level, rng), taken) for subject, level in pairs]


def _candidates(subject: str, level: str, rng: np.random.Generator) -> Iterator[str]:
    topics = TOPICS[subject].split(";")
    while True:
        first, second = (topics[i] for i in rng.permutation(len(topics))[:2])
        yield pick(FORMS[level], rng).format(topic=first, other=second)
