"""Invented names and titles, put together from word lists; no real person or work is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

FIRST_NAMES = (
    "Alba Anouk Bastian Brisa Caspian Cleo Dagny Davor Elodie Emrys Fenna Florian Greta Halvard "
    "Ilka Isolde Joaquim Juno Kasimir Kerensa Leocadia Linus Maelle Marisol Nadir Neve Odalys Orla "
    "Petra Quentin Rafaela Runa Sorrel Soren Tamsin Teodor Ulla Vesper Wilhelmina Xanthe Yannick "
    "Zelda"
).split()
LAST_NAMES = (
    "Abernoth Ashgrove Belmarsh Birkenfell Calloway-Reed Corviston Dunmarrow Eastermoor Elvenholt "
    "Fallowby Fenwhistle Garrowmere Glasswright Hollinbeck Hawkesmill Inverlow Jessamy Kestrelby "
    "Kingsbarrow Larkenshaw Lowenthorpe Marchbanks-Lee Merrowdown Nettlefold-Ray Oakenshore "
    "Orrowby Pellinger-Voss Quillfeather Ravensholme Rookwater Saltmarsh Stormont-Hay Silverbeck "
    "Thistlewood Tarnbrook Umberfield Vandermoor Velloway Winterbourn-Kay Wrenfield Yarrowby "
    "Zellerman-Oake"
).split()
BAND_FIRST = (
    "Paper Velvet Hollow Northern Midnight Copper Silent Painted Lantern Electric Wandering "
    "Borrowed Crooked Golden Quiet Salt Winter Glass Scarlet Distant"
).split()
BAND_SECOND = (
    "Herons Cartographers Tides Foxes Orchards Engines Choir Parade Meridian Satellites Brothers "
    "Ferrymen Weather Assembly Sparrows Machinery Harbour Quartet Telegraph Motel"
).split()

ADJECTIVES = (
    "Bright Broken Burning Careful Cold Crooked Distant Drifting Early Empty Endless Faded Falling "
    "Final Forgotten Fragile Gentle Golden Heavy Hidden Hollow Homeward Honest Hungry Idle Late "
    "Little Lonesome Long Lost Lucky Midnight Narrow Open Ordinary Pale Patient Quiet Restless "
    "Second Secret Sleeping Slow Soft Stubborn Sudden Sunday Tender Tidal Twice-Told Unsent Velvet "
    "Waiting Wandering Weightless Wild Winter Wooden Yellow"
).split()
TIMES = (
    "Dawn;Dusk;Four in the Morning;Half Past Nine;Midnight;Noon;First Light;Closing Time;"
    "Low Tide;the Equinox;Harvest;the Last Hour;Easter;the Turn of the Year"
).split(";")
PLACES = (
    "Arlenmouth;Bellhaven;Carrow Street;Dunmere;Eastgate;Fallow Hill;Gannet Point;Harrow Lane;"
    "Inverlow;Juniper Square;Kittering;Lanternfield;Marrowby;Northmoor;Orchard Row;Port Selwyn;"
    "Quarry Bank;Rookwater;Saint Orla;Tallowfield;Underhill;Vesper Bay;Westering;Yarrow Bridge"
).split(";")
DEEDS = (
    "Carry;Chase;Count;Follow;Forget;Hold;Keep;Leave;Lose;Paint;Read;Remember;Send;Sing;Trace;"
    "Wait for;Walk;Watch"
).split(";")

TRACK_NOUNS = {
    "Ambient": "Mist Aurora Horizon Tide Glacier Stillness Lichen Vapour Snowfield Estuary",
    "Electronic": "Circuit Signal Voltage Static Relay Pulse Antenna Lattice Strobe Current",
    "Disco": "Mirrorball Fever Spotlight Champagne Platform Satin Glitter Dancefloor Sequin Taxi",
    "Soul": "Devotion Ember Sunday Promise Honey Heartache Letter Prayer Doorstep Kindness",
    "Jazz": "Alley Smoke Taxi Sidewalk Nocturne Brass Streetlamp Stairwell Cigarette Bluebird",
    "Blues": "Crossroads Whiskey River Freight Sorrow Levee Dollar Penitent Storm Rail",
    "Country": "Pickup Prairie Fence Whippoorwill Highway Saddle Dust Porch Creek Silo",
    "Folk": "Hawthorn Miller Lantern Shepherd Orchard Ferry Hearth Sparrow Meadow Ballad",
    "Indie Rock": "Bicycle Basement Sweater Summer Car-Park Suburb Cinema Matchbook Rooftop Lift",
    "Chamber": "Waltz Cello Windowpane Minuet Garden Swan Candle Letter Veranda Snow",
}  # fmt: skip
TRACK_FORMS = (
    "{adjective} {noun}", "{noun} at {time}", "{noun} over {place}", "{deed} the {noun}",
    "The {adjective} {noun}", "{noun} and {other}", "Leaving {place}", "{adjective} {other}",
    "No {noun}, No {other}", "My {adjective} {noun}", "{time} in {place}", "A {noun} for {name}",
)  # fmt: skip


def distinct(candidates: Iterator[str], taken: set[str]) -> str:
    """Return the first candidate not yet taken, and take it."""
    for candidate in candidates:
        if candidate.casefold() not in taken:
            taken.add(candidate.casefold())
            return candidate
    raise ValueError("the word lists hold too few combinations for distinct names")


def pick(words: Sequence[str], rng: np.random.Generator) -> str:
    """Draw one word."""
    return words[int(rng.integers(len(words)))]


def person_names(n: int, rng: np.random.Generator) -> list[str]:
    """Invent `n` distinct names of persons."""
    taken: set[str] = set()

    def candidates() -> Iterator[str]:
        while True:
            yield f"{pick(FIRST_NAMES, rng)} {pick(LAST_NAMES, rng)}"

    return [distinct(candidates(), taken) for _ in range(n)]


def artist_names(n: int, rng: np.random.Generator) -> list[str]:
    """Invent `n` distinct artists, persons and bands in turn."""
    persons = person_names(n, rng)
    firsts, seconds = rng.permutation(BAND_FIRST * 8), rng.permutation(BAND_SECOND * 8)
    bands = iter(dict.fromkeys(f"{a} {b}" for a, b in zip(firsts, seconds, strict=True)))
    forms = ("The {}", "{}", "person")
    names = []
    for i in range(n):
        form = forms[int(rng.integers(len(forms)))]
        names.append(persons[i] if form == "person" else form.format(next(bands)))
    return names


def album_names(n: int, rng: np.random.Generator) -> list[str]:
    """Invent `n` distinct albums."""
    nouns = sorted({noun for nouns in TRACK_NOUNS.values() for noun in nouns.split()})
    forms = ("{adjective} {noun}", "The {noun} Sessions", "Songs for {place}", "{place}")
    taken: set[str] = set()

    def candidates() -> Iterator[str]:
        while True:
            words = {"adjective": pick(ADJECTIVES, rng), "place": pick(PLACES, rng)}
            yield pick(forms, rng).format(noun=pick(nouns, rng), **words)

    return [distinct(candidates(), taken) for _ in range(n)]


def track_titles(genres: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Invent one distinct title for each track, in words that suit its genre."""
    taken: set[str] = set()
    return [distinct(_track_candidates(genre, rng), taken) for genre in genres]


def _track_candidates(genre: str, rng: np.random.Generator) -> Iterator[str]:
    nouns = [noun.replace("-", " ") for noun in TRACK_NOUNS[genre].split()]
    while True:
        first, second = (nouns[i] for i in rng.permutation(len(nouns))[:2])
        time = pick(TIMES, rng)
        title = pick(TRACK_FORMS, rng).format(
            noun=first,
            other=second,
            adjective=pick(ADJECTIVES, rng),
            time=time,
            place=pick(PLACES, rng),
            deed=pick(DEEDS, rng),
            name=pick(FIRST_NAMES, rng),
        )
        title = re.sub(r"^A (?=[AEIOU])", "An ", title)
        yield title[0].upper() + title[1:]
