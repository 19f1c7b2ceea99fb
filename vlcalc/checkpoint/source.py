"""What a model's spec was made from."""

from __future__ import annotations

from typing import Literal, NamedTuple

# The catalogue, a YAML file, a checkpoint's folder, the local Hub cache, the Hub itself.
Place = Literal["catalogue", "file", "folder", "cache", "hub"]
IN_WORDS: dict[Place, str] = {
    "catalogue": "catalogue",
    "file": "file",
    "folder": "folder",
    "cache": "local Hub cache",
    "hub": "Hugging Face Hub",
}


class ModelSource(NamedTuple):
    """Where a model's spec comes from.

    Attributes:
        place: what kind of place it is.
        name: of the catalogue's entry, the file, the folder or the repository (`org/name`).
        revision: the commit of a repository; "" elsewhere.
        files: names of the checkpoint's files that were read.
        notes: what the reader of a result has to know about it.
    """

    place: Place
    name: str
    revision: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f" at {self.revision}" if self.revision else ""
        files = f": {', '.join(self.files)}" if self.files else ""
        return f"{IN_WORDS[self.place]}, {self.name}{at}{files}"

    def to_dict(self) -> dict[str, object]:
        """Return the fields for JSON; those that say nothing are None or empty."""
        return {
            "place": self.place,
            "name": self.name,
            "repository": self.name if self.place in ("cache", "hub") else None,
            "revision": self.revision or None,
            "files": list(self.files),
            "notes": list(self.notes),
        }
