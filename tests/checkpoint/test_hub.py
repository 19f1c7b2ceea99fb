"""Models named by their id, on a Hub that a test serves itself; the client runs in a new process.

Its settings (HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE...) are read when it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint import hub_server
from tests.checkpoint.hub_server import Fault, Hub, Repository, serving
from vlcalc.checkpoint.hub import HubId, parse_hub_id
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec
from vlcalc.tokens.budget import Request, budget

CLIENT = pytest.importorskip("huggingface_hub").__version__

IMAGE = ImageSize(1001, 777)
OLD, NEW = "a" * 40, "b" * 40
REPOSITORY = "acme/Own-VL"
# Qwen2-VL 2B, as its repository has it; the catalogue has the same by its reports.
CONFIG = {
    "model_type": "qwen2_vl",
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "max_position_embeddings": 32768,
    "num_attention_heads": 12,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
    "vocab_size": 151936,
    "vision_config": {"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16},
}
IMAGES = {"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "merge_size": 2}
FEWER = {**IMAGES, "max_pixels": 28 * 28 * 100}
READ = """
import json, sys, time
from vlcalc.checkpoint.load import open_model
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.tokens.budget import Request, budget
time.sleep = lambda seconds: None  # between the attempts of the client
name, size, options = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
try:
    model = open_model(name, **options)
except InputError as error:
    said = {"error": str(error), "cause": getattr(error, "cause", None)}
else:
    said = {
        "spec": model.spec.name,
        "tokens": budget(model.spec, ImageSize(*size), Request()).image_tokens,
        **model.source.to_dict(),
        "quantisation": model.quantisation and model.quantisation.to_dict(),
    }
print(json.dumps({**said, "client": "huggingface_hub" in sys.modules}))
"""


def files(**contents: dict[str, Any]) -> dict[str, bytes]:
    return {f"{name}.json": json.dumps(value).encode() for name, value in contents.items()}


@pytest.fixture
def hub() -> Iterator[Hub]:
    repository = Repository(
        {
            OLD: files(config=CONFIG, preprocessor_config=IMAGES),
            NEW: files(config=CONFIG, preprocessor_config=FEWER),
        },
        {"main": NEW, "v1.0": OLD, "refs/pr/1": OLD},
    )
    with serving(Hub({REPOSITORY: repository})) as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "hf"


def read(
    name: str, hub: Hub, home: Path, *, refresh: bool = False, **environment: str
) -> dict[str, Any]:
    """Return what a new process says of a model; it must be silent otherwise."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGIN"))}
    ran = subprocess.run(
        [sys.executable, "-c", READ, name, json.dumps(IMAGE), json.dumps({"refresh": refresh})],
        env={
            **own,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home),
            "HF_HUB_ETAG_TIMEOUT": "1",
            "HF_HUB_DOWNLOAD_TIMEOUT": "1",
            "NO_PROXY": "127.0.0.1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    said: dict[str, Any] = json.loads(ran.stdout)
    assert "\n" not in said.get("error", "")
    return said


def tokens_of(max_pixels: int) -> int:
    """Return the tokens of the catalogue's Qwen2-VL, given a maximum of pixels."""
    spec = load_spec("qwen2-vl-2b")
    tiling = spec.tiling.model_copy(update={"max_pixels": max_pixels})
    tokens = budget(spec.model_copy(update={"tiling": tiling}), IMAGE, Request()).image_tokens
    assert tokens is not None
    return tokens


def test_an_id_is_fetched_once_and_then_read_offline(hub: Hub, home: Path) -> None:
    first = read(REPOSITORY, hub, home)
    assert first == {
        "spec": "own-vl",
        "tokens": tokens_of(FEWER["max_pixels"]),
        "place": "hub",
        "name": REPOSITORY,
        "repository": REPOSITORY,
        "revision": NEW,
        "files": ["config.json", "preprocessor_config.json"],
        "notes": [],
        "quantisation": None,
        "client": True,
    }
    asked = len(hub.requests)
    for offline in ("0", "1"):
        again = read(REPOSITORY, hub, home, HF_HUB_OFFLINE=offline)
        assert again == {**first, "place": "cache"}
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("revision", "commit", "max_pixels"),
    [
        ("v1.0", OLD, IMAGES["max_pixels"]),
        ("refs/pr/1", OLD, IMAGES["max_pixels"]),
        (OLD, OLD, IMAGES["max_pixels"]),
        ("main", NEW, FEWER["max_pixels"]),
    ],
)
def test_a_revision(hub: Hub, home: Path, revision: str, commit: str, max_pixels: int) -> None:
    said = read(f"{REPOSITORY}@{revision}", hub, home)
    assert (said["revision"], said["tokens"]) == (commit, tokens_of(max_pixels))


def test_refresh_asks_for_the_newest_commit(hub: Hub, home: Path) -> None:
    hub.repositories[REPOSITORY].revisions["main"] = OLD
    assert read(REPOSITORY, hub, home)["revision"] == OLD
    hub.repositories[REPOSITORY].revisions["main"] = NEW
    assert read(REPOSITORY, hub, home)["revision"] == OLD
    said = read(REPOSITORY, hub, home, refresh=True)
    assert (said["place"], said["revision"]) == ("hub", NEW)
    assert read(REPOSITORY, hub, home, HF_HUB_OFFLINE="1")["revision"] == NEW


def test_the_catalogue_goes_first_unless_told_otherwise(hub: Hub, home: Path) -> None:
    name = "Qwen/Qwen2-VL-2B-Instruct"
    hub.repositories[name] = hub.repositories[REPOSITORY]
    said = read(name, hub, home)
    assert (said["spec"], said["place"], said["client"]) == ("qwen2-vl-2b", "catalogue", False)
    assert not hub.requests
    assert read(f"{name}@v1.0", hub, home)["revision"] == OLD
    said = read(name, hub, home, refresh=True)
    assert (said["place"], said["tokens"]) == ("hub", tokens_of(FEWER["max_pixels"]))


def test_refresh_needs_an_id(hub: Hub, home: Path) -> None:
    said = read("qwen2-vl-2b", hub, home, refresh=True)
    assert said["error"] == (
        "expected an id `org/name`, to ask the Hub for it, got `qwen2-vl-2b`;"
        " `Qwen/Qwen2-VL-2B-Instruct` is one of its ids"
    )
    assert not hub.requests


def test_no_weights_are_asked_for(hub: Hub, home: Path) -> None:
    there = hub.repositories[REPOSITORY].commits[NEW]
    there |= {"model.safetensors": b"0" * 100, "tokenizer.json": b"{}", "modeling.py": b"1 / 0"}
    read(REPOSITORY, hub, home)
    asked = {request.path.rpartition("/")[2] for request in hub.requests}
    assert asked <= {
        "config.json",
        "processor_config.json",
        "preprocessor_config.json",
        "video_preprocessor_config.json",
    }


def test_the_token_is_sent(hub: Hub, home: Path) -> None:
    read(REPOSITORY, hub, home, HF_TOKEN="hf_secret")
    assert {request.token for request in hub.requests} == {"hf_secret"}


def test_a_moved_repository(hub: Hub, home: Path) -> None:
    hub.moved["old-acme/Own-VL"] = REPOSITORY
    said = read("old-acme/Own-VL", hub, home)
    assert (said["revision"], said["tokens"]) == (NEW, tokens_of(FEWER["max_pixels"]))


def test_files_behind_a_redirect_to_another_store(hub: Hub, home: Path) -> None:
    hub.stored_elsewhere = {"config.json", "preprocessor_config.json"}
    said = read(REPOSITORY, hub, home, HF_TOKEN="hf_secret")
    assert said["tokens"] == tokens_of(FEWER["max_pixels"])
    assert any(request.path.startswith("/storage/") for request in hub.requests)


def test_a_download_that_broke_goes_on_where_it_was(hub: Hub, home: Path) -> None:
    """The client asks for the rest, or for all anew: versions differ; the file must be whole."""
    hub.faults["config.json"] = hub_server.cut_off_once
    said = read(REPOSITORY, hub, home)
    if "error" in said:  # the oldest client gives up at once
        assert said["cause"] == "damaged"
        said = read(REPOSITORY, hub, home)
    assert said["tokens"] == tokens_of(FEWER["max_pixels"])


REFUSALS = {
    "gated, not logged in": (401, "GatedRepo", "closed", "which is gated, got HTTP 401"),
    "gated, not allowed": (403, "GatedRepo", "closed", "which is gated, got HTTP 403"),
    "forbidden": (403, "", "closed", "expected access to the repository, got HTTP 403"),
    "no such repository": (404, "RepoNotFound", "missing", "there is none of that name"),
    "in maintenance": (503, "", "unreachable", "expected config.json, got HTTP 503"),
    "too often": (429, "", "unreachable", "got HTTP 429: too many requests"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_closed_repository_is_one_line(hub: Hub, home: Path, case: str) -> None:
    status, code, cause, words = REFUSALS[case]
    hub.repositories[REPOSITORY].closed = status, code
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == cause
    assert words in said["error"]
    assert said["error"].startswith(
        f"`{REPOSITORY}` (not in the catalogue, not in the local Hub cache, {hub.url}/{REPOSITORY})"
    )
    if cause in ("closed", "missing"):
        assert (
            "`hf auth login` (older clients: `huggingface-cli login`) or set HF_TOKEN"
            in said["error"]
        )


def test_what_is_not_there_is_one_line(hub: Hub, home: Path) -> None:
    said = read("acme/None-VL", hub, home)
    assert said["cause"] == "missing"
    assert "got HTTP 401: there is none of that name, or it is private" in said["error"]
    said = read(f"{REPOSITORY}@v9", hub, home)
    assert said["cause"] == "missing"
    assert "expected a branch, tag or commit of the repository, got `v9`" in said["error"]
    del hub.repositories[REPOSITORY].commits[NEW]["config.json"]
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == "unconfigured"
    assert "expected a repository with a config.json, got one without" in said["error"]
    said = read("Qwen/Qwen2-VL-2B-Instrukt", hub, home)
    assert "did you mean `qwen/qwen2-vl-2b-instruct`?" in said["error"]


FAULTS: dict[Fault, tuple[str, str]] = {
    hub_server.cut_off: ("damaged", "an answer that was cut off"),
    hub_server.shorter: ("damaged", "a file of another length than announced"),
    hub_server.longer: ("damaged", "a file of another length than announced"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
def test_a_file_that_does_not_come_whole_is_not_used(
    hub: Hub, home: Path, fault: Fault, file: str
) -> None:
    hub.faults[file] = fault
    said = read(REPOSITORY, hub, home)
    assert (said["cause"], FAULTS[fault][1] in said["error"]) == (FAULTS[fault][0], True), said
    del hub.faults[file]
    assert read(REPOSITORY, hub, home)["tokens"] == tokens_of(FEWER["max_pixels"])


def test_a_slow_or_absent_hub_is_one_line(hub: Hub, home: Path) -> None:
    hub.head_delay_s = 3
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == "unreachable"
    assert "expected config.json, got no answer in time; check network" in said["error"]
    assert len(hub.requests) <= 1
    hub.head_delay_s = 0
    hub.faults["config.json"] = hub_server.silent
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == "unreachable"
    assert "expected config.json, got no answer in time; check network" in said["error"]
    said = read(REPOSITORY, hub, home, HF_ENDPOINT="http://127.0.0.1:9")
    assert said["cause"] == "unreachable"
    assert "got no connection, or one that broke" in said["error"]


def test_what_is_no_hub_is_one_line(hub: Hub, home: Path) -> None:
    hub.names_commits = False
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == "unreachable"
    assert "expected the answer of a Hub, got one without commit or ETag" in said["error"]
    hub.status = 404  # of a server that knows nothing of repositories
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == "unreachable"
    assert "expected config.json, got HTTP 404: not found" in said["error"]


def test_a_cache_that_cannot_be_written_is_one_line(hub: Hub, home: Path) -> None:
    home.write_text("no folder")
    said = read(REPOSITORY, hub, home)
    assert said["cause"] == "local"
    assert "expected a Hub cache that can be written, got not a directory" in said["error"]


def test_too_large_a_file_is_not_fetched(hub: Hub, home: Path) -> None:
    hub.repositories[REPOSITORY].commits[NEW]["config.json"] = b" " * (16_777_216 + 1)
    said = read(REPOSITORY, hub, home)
    assert "expected a file of at most 16,777,216 bytes, got 16,777,217 bytes" in said["error"]
    assert [request.method for request in hub.requests] == ["HEAD"]


def test_offline_and_not_cached_is_one_line(hub: Hub, home: Path) -> None:
    said = read(REPOSITORY, hub, home, HF_HUB_OFFLINE="1")
    assert said["cause"] == "offline"
    assert (
        "expected config.json in the local Hub cache, as HF_HUB_OFFLINE is set, got none;"
        " unset HF_HUB_OFFLINE to fetch it" in said["error"]
    )
    assert not hub.requests


def cache_of(home: Path, *names: str) -> Path:
    """Return the folder in a cache that holds some files of the newest commit, and no more."""
    folder = home / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    snapshot = folder / "snapshots" / NEW
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(NEW)
    contents = files(config=CONFIG, preprocessor_config=FEWER)
    for name in names:
        (snapshot / name).write_bytes(contents[name])
    return snapshot


def test_a_cache_that_knows_too_little_is_not_guessed_from(hub: Hub, home: Path) -> None:
    """Without the processor's file its class's defaults would count: another number of tokens."""
    cache_of(home, "config.json")
    said = read(REPOSITORY, hub, home, HF_HUB_OFFLINE="1")
    assert said["cause"] == "offline"
    assert "expected preprocessor_config.json in the local Hub cache" in said["error"]
    said = read(REPOSITORY, hub, home)
    assert (said["place"], said["tokens"]) == ("hub", tokens_of(FEWER["max_pixels"]))
    assert not [request for request in hub.requests if request.path.endswith("/config.json")]


def test_what_a_cache_does_not_know_is_said(hub: Hub, home: Path) -> None:
    cache_of(home, "config.json", "preprocessor_config.json")
    said = read(REPOSITORY, hub, home, HF_HUB_OFFLINE="1")
    assert (said["place"], said["tokens"]) == ("cache", tokens_of(FEWER["max_pixels"]))
    [note] = said["notes"]
    assert note == (
        "not in the local cache, and the Hub could not be asked for:"
        " processor_config.json, video_preprocessor_config.json"
    )


def test_a_quantised_sibling_stands_for_its_model_where_it_cannot_be_read(
    hub: Hub, home: Path
) -> None:
    for name in ("Qwen/Qwen2-VL-2B-Instruct-AWQ", "unsloth/Qwen2-VL-2B-Instruct-AWQ"):
        said = read(name, hub, home, HF_HUB_OFFLINE="1")
        assert (said["spec"], said["place"]) == ("qwen2-vl-2b", "catalogue")
        assert said["quantisation"]["bits"] == 4
        [note] = said["notes"]
        assert note == (
            f"`{name}` could not be read (offline): the architecture is that of `qwen2-vl-2b`,"
            " the quantisation (awq, 4 bits, groups of 128) what its name says"
        )
    assert read("acme/Own-VL-AWQ", hub, home, HF_HUB_OFFLINE="1")["cause"] == "offline"
    # The Hub says that there is none of that name.
    assert read("Qwen/Qwen2-VL-2B-Instruct-AWQ", hub, home)["cause"] == "missing"


def test_a_quantised_repository_that_can_be_read_is(hub: Hub, home: Path) -> None:
    config = {**CONFIG, "quantization_config": {"quant_method": "awq", "bits": 4}}
    name = "Qwen/Qwen2-VL-2B-Instruct-AWQ"
    commit = files(config=config, preprocessor_config=FEWER)
    hub.repositories[name] = Repository({NEW: commit}, {"main": NEW})
    said = read(name, hub, home)
    assert (said["place"], said["tokens"]) == ("hub", tokens_of(FEWER["max_pixels"]))
    assert said["quantisation"]["method"] == "awq"


def test_without_the_client_it_is_one_line(hub: Hub, home: Path, tmp_path: Path) -> None:
    (tmp_path / "huggingface_hub.py").write_text("raise ImportError('none here')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", ""), str(Path.cwd())])
    said = read(REPOSITORY, hub, home, PYTHONPATH=path)
    assert said["error"] == "expected the package huggingface_hub, got none here"


@pytest.mark.parametrize(
    ("name", "hub_id"),
    [
        ("org/name", HubId("org/name")),
        ("Org-1/a_b.c@v1.0", HubId("Org-1/a_b.c", "v1.0")),
        ("org/name@refs/pr/7", HubId("org/name", "refs/pr/7")),
        *((name, None) for name in ["", "name", "a/b/c", "../b", "a/..", "a/b@", "a/b@../c"]),
        *((name, None) for name in ["a/b.git", "a/-b", "a/b-", "a/b--c", "a/ b", "ä/b", "/a/b"]),
        ("a/" + "b" * 95, None),
    ],
)
def test_what_is_an_id(name: str, hub_id: HubId | None) -> None:
    assert parse_hub_id(name) == hub_id
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    if hub_id is not None:
        validate_repo_id(hub_id.repository)
    elif "/" in name and "@" not in name and name.isascii() and len(name) <= 96:
        with pytest.raises(HFValidationError):
            validate_repo_id(name)


@pytest.mark.skipif(CLIENT.startswith("1."), reason="older clients of 1.x follow them for ever")
def test_redirects_without_end_are_one_line(hub: Hub, home: Path) -> None:
    hub.moved[REPOSITORY] = REPOSITORY
    said = read(REPOSITORY, hub, home)
    assert "got redirects without end" in said["error"]


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://[", "ftp://127.0.0.1"])
def test_an_endpoint_that_is_none_is_one_line(hub: Hub, home: Path, endpoint: str) -> None:
    said = read(REPOSITORY, hub, home, HF_ENDPOINT=endpoint)
    assert said["cause"] in ("unreachable", "local")
    assert "HF_ENDPOINT" in said["error"]
