"""What a dataset is made of: what its manifest tells of that, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bert4rec.data.filters import PrepareSettings
from bert4rec.data.item_table import ItemTable, hash_items
from bert4rec.data.roles import Roles
from bert4rec.data.source import Source
from bert4rec.moments import now_text

# Counts up when the same log and settings would give another dataset than before.
PREPARE_VERSION = 9
N_FILES_IN_MANIFEST = 100


@dataclass(frozen=True)
class MarkedLog:
    """A log of which more is known than its files tell.

    Args:
        path: Where it lies.
        marks: Kept in the manifest: `simulated`, whether the log is made up, and `refined_from`,
            the folder of the dataset that it was written from.
    """

    path: Path
    marks: Mapping[str, Any] = field(default_factory=dict)


def describe_origin(
    source: Source,
    roles: Roles,
    source_hash: str,
    settings: PrepareSettings,
    table: ItemTable | None,
    marks: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the part of the manifest that names what the dataset is made of."""
    is_simulated = bool(marks.get("simulated", False))
    named = {
        "source_hash": source_hash,
        "form": source.layout.form,
        "roles": roles.document(),
        "settings": settings.model_dump(),
        "items": None if table is None else hash_items(table),
        "simulated": is_simulated,
        "version": PREPARE_VERSION,
    }
    fingerprint = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
    return {
        "fingerprint": fingerprint,
        "created_at": now_text(),
        "source": {
            "name": source.name,
            "hash": source_hash,
            "form": source.layout.form,
            "size_bytes": source.size_bytes,
            "n_files": len(source.files),
            "files": list(source.file_names[:N_FILES_IN_MANIFEST]),
            "passed_over": list(source.passed_over[:N_FILES_IN_MANIFEST]),
        },
        "roles": roles.document(),
        "settings": settings.model_dump(),
        "item_table": None,
        **marks,
        "simulated": is_simulated,
    }
