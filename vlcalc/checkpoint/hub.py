"""A checkpoint on the Hugging Face Hub: its configuration files, fetched when they are read.

A file that the local cache has is taken from there, without the network. All files of a checkpoint
are of one commit, that of the `config.json` that was read first. The cache also remembers which
files a repository does not have; where it does not know and the Hub cannot be asked, a file is
taken as absent only if another one says what it would say.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from vlcalc.checkpoint.checkpoint import IMAGES, PROCESSOR, TOKENIZER_FILES, VIDEOS
from vlcalc.checkpoint.folder import CONFIG, TOKENIZER, Folder, check_file_size
from vlcalc.checkpoint.hub_errors import (
    HubError,
    explain_hub_error,
    is_inconsistent,
    page_of,
)
from vlcalc.checkpoint.source import ModelSource
from vlcalc.core.errors import InputError

# `org/name`, by the Hub's own rules, with a branch, tag or commit behind an `@`.
HUB_ID = re.compile(r"(\w(?:[\w.-]*\w)?/\w(?:[\w.-]*\w)?)(?:@(\w[\w./+-]{0,254}))?", re.ASCII)
MAX_REPOSITORY_LENGTH = 96
DEFAULT_REVISION = "main"
CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json")
# All that is ever asked for; weights are not among them.
CONFIGURATION_FILES = frozenset(
    {
        CONFIG,
        PROCESSOR,
        IMAGES,
        VIDEOS,
        "generation_config.json",
        "special_tokens_map.json",
        *CHAT_TEMPLATES,
        *TOKENIZER_FILES,
    }
)
# A file that numbers rest on -> those that may say the same: one of them has to be known.
STAND_INS = {IMAGES: (PROCESSOR,), VIDEOS: (PROCESSOR, IMAGES), TOKENIZER: ()}


class HubId(NamedTuple):
    """The name of a repository of models.

    Attributes:
        repository: `org/name`.
        revision: the branch, tag or commit asked for; "" for the default branch.
    """

    repository: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository


def parse_hub_id(name: str) -> HubId | None:
    """Return the repository, and its revision, that a name given by the user means; None if none.

    Args:
        name: `org/name` or `org/name@revision`.
    """
    match = HUB_ID.fullmatch(name)
    if match is None or len(match[1]) > MAX_REPOSITORY_LENGTH or ".." in name:
        return None
    if "--" in match[1] or match[1].endswith(".git"):
        return None
    return HubId(match[1], match[2] or "")


class HubFolder(Folder):
    """The configuration files of a repository, from the local cache or the Hub.

    Attributes:
        name: of the repository, without its organisation.
        hub_id: the repository and the revision asked for.
        commit: the commit that the files are of; "" until the first was read.
        fetched: names of the files that the Hub gave, or said that there are none of.
        unchecked: names of the files that the cache does not have, and the Hub could not be asked
            for; they count as absent.
    """

    def __init__(self, hub_id: HubId, *, refresh: bool = False) -> None:
        """Open a repository; nothing is read yet.

        Args:
            hub_id: the repository and its revision.
            refresh: ask the Hub for the newest commit of the revision, whatever the cache has.

        Raises:
            HubError: the Hub's client cannot be imported.
        """
        check_client()
        super().__init__(Path(hub_id.repository))
        self.name = hub_id.repository.partition("/")[2]
        self.hub_id = hub_id
        self.commit = ""
        self.fetched: list[str] = []
        self.unchecked: list[str] = []
        self._refresh = refresh
        self._paths: dict[str, Path | None] = {}
        self._unreachable: BaseException | None = None

    def source(self) -> ModelSource:
        """Return the repository, its commit and the files that were read until now."""
        notes = []
        if self.unchecked:
            names = ", ".join(self.unchecked)
            notes.append(f"not in the local cache, and the Hub could not be asked for: {names}")
        return ModelSource(
            "hub" if self.fetched else "cache",
            self.hub_id.repository,
            self.commit,
            tuple(self.files),
            tuple(notes),
        )

    def without_config(self) -> InputError:
        """Return the error that says that there is no `config.json`."""
        return HubError(
            "unconfigured",
            expected=f"a repository with a {CONFIG}",
            got="one without",
            where=page_of(self.hub_id.repository),
        )

    def path_of(self, name: str) -> Path | None:
        """Return where the cache holds a file, fetched into it if need be; None if there is none.

        Raises:
            HubError: it cannot be had, and nothing else says what it would say.
        """
        if name not in CONFIGURATION_FILES:
            raise ValueError(f"`{name}` is no configuration file")
        if name not in self._paths:
            self._paths[name] = self._cached_or_fetched(name)
        return self._paths[name]

    def _cached_or_fetched(self, name: str) -> Path | None:
        is_known, path = self._cached(name)
        if not is_known:
            try:
                path = self._fetched(name)
            except HubError as error:
                if not self._may_be_absent(name, error):
                    raise
                self.unchecked.append(name)
        if path is not None and not self.commit:
            self.commit = path.parent.name
        return path

    def _cached(self, name: str) -> tuple[bool, Path | None]:
        """Return whether the cache knows of a file, and where it is; None where it is not."""
        from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

        if self._refresh and not self.commit:
            return False, None
        path = try_to_load_from_cache(self.hub_id.repository, name, revision=self._revision)
        if isinstance(path, str):
            return True, Path(path)
        return path is _CACHED_NO_EXIST and bool(self.commit), None

    def _fetched(self, name: str) -> Path | None:
        repository, revision = self.hub_id.repository, self._revision
        if self._unreachable is not None:  # not to wait for it once more
            raise explain_hub_error(self._unreachable, repository, revision, name)
        try:
            path = fetch_file(repository, name, revision)
        except HubError as error:
            if error.cause == "unreachable":
                self._unreachable = error.__cause__
            raise
        self.fetched.append(name)
        return path

    def _may_be_absent(self, name: str, error: HubError) -> bool:
        if not self.commit or error.cause not in ("offline", "unreachable"):
            return False
        others = STAND_INS.get(name)
        return others is None or any(self._paths.get(other) for other in others)

    @property
    def _revision(self) -> str:
        return self.commit or self.hub_id.revision or DEFAULT_REVISION

    def _is_inside(self, path: Path) -> bool:
        return path.is_file()  # the Hub's own client laid it there, where it keeps its files

    def _where(self, name: str) -> str:
        return f"{self.hub_id} {name}"


def check_client() -> None:
    """Import the Hub's client, which reads its settings then.

    Raises:
        HubError: it is not installed, or a setting is none that it can read.
    """
    try:
        importlib.import_module("huggingface_hub.file_download")
    except ImportError as error:
        expected, got = "the package huggingface_hub", str(error)
    except ValueError as error:
        expected, got = "settings of the Hub in HF_ENDPOINT and other HF_ variables", str(error)
    else:
        return
    raise HubError("local", expected=expected, got=got.partition("\n")[0])


def fetch_file(repository: str, name: str, revision: str) -> Path | None:
    """Return the place in the cache of a file that the Hub was asked for; None if it has none.

    The file comes over the network only where the cache does not have this version of it.

    Raises:
        HubError: it cannot be had.
        InputError: it is larger than any such file.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        with _quiet():
            url = hf_hub_url(repository, name, revision=revision)
            with suppress(EntryNotFoundError):  # raised once more below, and kept in the cache
                metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
                check_file_size(metadata.size or 0, name, where=url)
            return _download(repository, name, revision)
    except InputError:
        raise
    except Exception as error:
        is_absent = isinstance(error, EntryNotFoundError)
        if is_absent and not isinstance(error, LocalEntryNotFoundError):
            return None
        raise explain_hub_error(error, repository, revision, name) from error


def _download(repository: str, name: str, revision: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except OSError as error:
        if not is_inconsistent(error):
            raise
    # Older clients go on from what an earlier attempt left, be it the start of the file or not.
    return Path(hf_hub_download(repository, name, revision=revision, force_download=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client from logging what is raised anyway, and each of its attempts."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(max(level, logging.CRITICAL))
    try:
        yield
    finally:
        logger.setLevel(level)
