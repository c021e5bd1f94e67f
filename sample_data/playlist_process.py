"""Playlists: short runs of one artist's album, joined by tracks that belong to two genres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from process import Floats, Sample, draw_sequences, draw_times, mixture
from titles import album_names, artist_names, track_titles

SEED = 20_240_101
N_PLAYLISTS, SHORTEST, LONGEST = 3_000, 12, 28

# Neighbours on this ring, up to two places apart, share bridge tracks.
GENRES = (
    ("Ambient", "calm"), ("Electronic", "restless"), ("Disco", "festive"), ("Soul", "warm"),
    ("Jazz", "smoky"), ("Blues", "rueful"), ("Country", "easy-going"), ("Folk", "homely"),
    ("Indie Rock", "wistful"), ("Chamber", "tender"),
)  # fmt: skip
REACH = 2
BRIDGE_WEIGHTS = (0.4, 0.25, 0.15, 0.08, 0.05, 0.03, 0.02, 0.02)
ARTIST_WEIGHTS = (0.3, 0.23, 0.17, 0.13, 0.1, 0.07)
TRACK_WEIGHTS = (0.4, 0.3, 0.2, 0.1)
# Within an artist's run: chance of the next track of the album, else any by popularity.
NEXT_ON_ALBUM = 0.6
SWITCH_ARTIST = 0.05
# Chance to leave a genre after that many of its tracks.
LEAVE = (0.0, 0.45, 0.85, 1.0)


@dataclass(frozen=True)
class Catalogue:
    """The tracks as arrays over items; a bridge has two genres, an album track has one twice."""

    genre: NDArray[np.int64]
    second_genre: NDArray[np.int64]
    artist: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: Floats

    @property
    def is_bridge(self) -> NDArray[np.bool_]:
        """True for tracks that belong to two genres."""
        return self.genre != self.second_genre


@dataclass(frozen=True)
class PlaylistState:
    """Where a playlist stands: its genre, the length of the present run, what was played."""

    genre: int
    n_in_genre: int
    last: int
    is_open: NDArray[np.bool_]


class PlaylistProcess:
    """The exact rule by which a playlist goes on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        in_genre = catalogue.genre[None, :] == np.arange(len(GENRES))[:, None]
        in_second = catalogue.second_genre[None, :] == np.arange(len(GENRES))[:, None]
        self.opening = in_genre * ~catalogue.is_bridge * catalogue.weight
        self.leaving = (in_genre | in_second) * catalogue.is_bridge * catalogue.weight
        self.following = _same_album(catalogue)
        same_artist = catalogue.artist[:, None] == catalogue.artist[None, :]
        self.switching = self.opening[catalogue.genre] * ~same_artist

    def start(self) -> PlaylistState:
        """Return the state of an empty playlist."""
        return PlaylistState(-1, 0, -1, np.ones(len(self.catalogue.genre), dtype=bool))

    def probabilities(self, state: PlaylistState) -> Floats:
        """Return the chance of every track to come next."""
        if state.genre < 0:
            return mixture([(1.0, self.opening.sum(axis=0))], state.is_open)
        if state.n_in_genre == 0:
            return mixture([(1.0, self.opening[state.genre])], state.is_open)
        leave = LEAVE[state.n_in_genre]
        return mixture(
            [
                (leave, self.leaving[state.genre]),
                ((1 - leave) * (1 - SWITCH_ARTIST), self.following[state.last]),
                ((1 - leave) * SWITCH_ARTIST, self.switching[state.last]),
            ],
            state.is_open,
        )

    def advance(self, state: PlaylistState, item: int) -> PlaylistState:
        """Return the state after `item` has been played."""
        is_open = state.is_open.copy()
        is_open[item] = False
        genre, second = int(self.catalogue.genre[item]), int(self.catalogue.second_genre[item])
        if genre != second:
            return PlaylistState(second if genre == state.genre else genre, 0, item, is_open)
        return PlaylistState(genre, state.n_in_genre + 1, item, is_open)


def _same_album(catalogue: Catalogue) -> Floats:
    """Return [track, next track] weights of going on with the artist of the present track."""
    same_artist = catalogue.artist[:, None] == catalogue.artist[None, :]
    distance = catalogue.place[None, :] - catalogue.place[:, None]
    popular = same_artist * catalogue.weight
    np.fill_diagonal(popular, 0.0)
    popular /= np.maximum(popular.sum(axis=1, keepdims=True), 1e-12)
    return NEXT_ON_ALBUM * (same_artist & (distance == 1)) + (1 - NEXT_ON_ALBUM) * popular


def _rows() -> list[tuple[int, int, int, int, float]]:
    """List (genre, second genre, artist, place on the album, weight) of all tracks."""
    n_genres, n_artists = len(GENRES), len(ARTIST_WEIGHTS)
    rows = []
    for genre in range(n_genres):
        for nth, artist_weight in enumerate(ARTIST_WEIGHTS):
            for place, weight in enumerate(TRACK_WEIGHTS):
                rows.append((genre, genre, genre * n_artists + nth, place, artist_weight * weight))
    for genre in range(n_genres):
        for apart in range(1, REACH + 1):
            for weight in BRIDGE_WEIGHTS:
                # An artist number of its own keeps a bridge from counting as part of an album.
                artist = n_genres * n_artists + len(rows)
                rows.append((genre, (genre + apart) % n_genres, artist, 0, weight))
    return rows


def catalogue(rng: np.random.Generator) -> Catalogue:
    """Build the tracks in shuffled order, so that an item's id says nothing about it."""
    rows = _rows()
    table = np.array([rows[i] for i in rng.permutation(len(rows))])
    whole = table[:, :4].astype(np.int64)
    return Catalogue(whole[:, 0], whole[:, 1], whole[:, 2], whole[:, 3], table[:, 4])


def describe(tracks: Catalogue, rng: np.random.Generator) -> list[dict[str, object]]:
    """Give every track its title, artist, album, genre and mood."""
    n_artists = len(GENRES) * len(ARTIST_WEIGHTS)
    artists, albums = artist_names(n_artists, rng), album_names(n_artists, rng)
    genres = [GENRES[genre][0] for genre in tracks.genre]
    titles = track_titles(genres, rng)
    items: list[dict[str, object]] = []
    for i, title in enumerate(titles):
        genre, second = int(tracks.genre[i]), int(tracks.second_genre[i])
        row: dict[str, object] = {"item_id": f"t{i + 1:03d}", "title": title}
        if genre == second:
            artist = int(tracks.artist[i])
            row |= {"artist": artists[artist], "album": albums[artist]}
            row |= {"track_number": int(tracks.place[i]) + 1, "genre": genres[i]}
            row |= {"second_genre": "", "mood": GENRES[genre][1]}
        else:
            lead, guest = (
                artists[g * len(ARTIST_WEIGHTS) + int(rng.integers(len(ARTIST_WEIGHTS)))]
                for g in (genre, second)
            )
            row |= {"artist": f"{lead} with {guest}", "album": f"{title} (single)"}
            row |= {"track_number": 1, "genre": genres[i], "second_genre": GENRES[second][0]}
            row |= {"mood": f"{GENRES[genre][1]} to {GENRES[second][1]}"}
        items.append(row)
    return items


def playlists() -> Sample:
    """Simulate the playlists sample."""
    tracks = catalogue(np.random.default_rng([SEED, 0]))
    process = PlaylistProcess(tracks)
    rng = np.random.default_rng([SEED, 1])
    sequences = draw_sequences(process, N_PLAYLISTS, SHORTEST, LONGEST, rng)
    times = draw_times(sequences, 140, 380, rng)
    items = describe(tracks, np.random.default_rng([SEED, 2]))
    return Sample("playlists", SEED, items, process, sequences, times, "p")
