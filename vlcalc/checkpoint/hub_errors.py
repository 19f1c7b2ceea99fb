"""What the Hub's client raises -> one clear line of ours.

Versions of the client speak HTTP through three different libraries, which share no classes: errors
are told apart by the names of their classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.client import responses
from typing import Literal, NamedTuple

from vlcalc.core.errors import InputError

Cause = Literal["offline", "unreachable", "closed", "missing", "unconfigured", "damaged", "local"]
# Where the classes of errors come from that are no fault of ours.
LIBRARIES = ("huggingface_hub", "hf_xet", "httpx", "httpx2", "httpcore", "requests", "urllib3")
LOG_IN = "`hf auth login` (older clients: `huggingface-cli login`) or set HF_TOKEN"
BROKEN = "no connection, or one that broke"
CHECK_NETWORK = "check network and HF_ENDPOINT; HF_HUB_OFFLINE=1 reads the local cache alone"
TRY_AGAIN = "try again; what came was not used"


class HubError(InputError):
    """A file of a repository that could not be had.

    Attributes:
        cause: why: `offline`, as the user wants it; `unreachable`, the network or the server;
            `closed` to this user; `missing` on the Hub; `unconfigured`, there without a
            `config.json`; `damaged` on its way; `local`, the disk.
    """

    def __init__(
        self, cause: Cause, *, expected: str, got: str, where: str = "", hint: str = ""
    ) -> None:
        self.cause = cause
        super().__init__(expected=expected, got=got, where=where, hint=hint)


class Explanation(NamedTuple):
    """The line for an error whose class, or one above it, has a name.

    In the texts, `{file}` is the name of the file, `{revision}` the one asked for, `{page}` that of
    the repository, `{status}` that of HTTP.
    """

    class_name: str
    cause: Cause
    got: str
    hint: str
    expected: str = "{file}"


# The first that fits counts.
EXPLANATIONS = (
    Explanation(
        "OfflineModeIsEnabled",
        "offline",
        "none",
        "unset HF_HUB_OFFLINE to fetch it",
        expected="{file} in the local Hub cache, as HF_HUB_OFFLINE is set",
    ),
    Explanation(
        "RevisionNotFoundError",
        "missing",
        "`{revision}`",
        "{page}/tree/main lists them",
        expected="a branch, tag or commit of the repository",
    ),
    Explanation(
        "GatedRepoError",
        "closed",
        "HTTP {status}",
        f"accept its terms on {{page}}, then {LOG_IN}",
        expected="access to the repository, which is gated",
    ),
    Explanation(
        "RepositoryNotFoundError",
        "missing",
        "HTTP {status}: there is none of that name, or it is private",
        f"if it is private, {LOG_IN}",
        expected="a repository of models",
    ),
    Explanation(
        "FileMetadataError",
        "unreachable",
        "one without commit or ETag",
        "check HF_ENDPOINT, firewall and proxy",
        expected="the answer of a Hub",
    ),
    Explanation("Timeout", "unreachable", "no answer in time", CHECK_NETWORK),
    Explanation("TimeoutException", "unreachable", "no answer in time", CHECK_NETWORK),
    Explanation("TimeoutError", "unreachable", "no answer in time", CHECK_NETWORK),
    Explanation("RemoteProtocolError", "damaged", "an answer that was cut off", TRY_AGAIN),
    Explanation("ChunkedEncodingError", "damaged", "an answer that was cut off", TRY_AGAIN),
    Explanation("TooManyRedirects", "unreachable", "redirects without end", CHECK_NETWORK),
    Explanation("RecursionError", "unreachable", "redirects without end", CHECK_NETWORK),
    Explanation("NetworkError", "unreachable", BROKEN, CHECK_NETWORK),
    Explanation("ProxyError", "unreachable", "no connection to the proxy", CHECK_NETWORK),
    Explanation("ConnectionError", "unreachable", BROKEN, CHECK_NETWORK),
)


def page_of(repository: str) -> str:
    """Return the address of a repository's page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"


def explain_hub_error(
    error: BaseException, repository: str, revision: str, file: str
) -> BaseException:
    """Return the one line that says what went wrong; the error itself where it is a fault of ours.

    Args:
        error: as the Hub's client raised it.
        repository: `org/name`.
        revision: the branch, tag or commit asked for.
        file: name of the file asked for.
    """
    page = page_of(repository)
    for link in _chain(error):
        explanation = _explanation_of(link)
        if explanation is not None:
            words = {"file": file, "revision": revision, "page": page, "status": _status(link)}
            texts = (explanation.expected, explanation.got, explanation.hint)
            expected, got, hint = (text.format(**words) for text in texts)
            return HubError(explanation.cause, expected=expected, got=got, where=page, hint=hint)
    is_library_error = type(error).__module__.partition(".")[0] in LIBRARIES
    if is_library_error or isinstance(error, (OSError, ValueError)):
        text = (str(error).strip() or type(error).__name__).partition("\n")[0][:200]
        return HubError("unreachable", expected=file, got=text, where=page, hint=CHECK_NETWORK)
    return error


def is_inconsistent(error: BaseException) -> bool:
    """Tell whether a file, or what an earlier attempt left of it, is of another length than it was.

    The client has no class for the first; for the second, it asks for what is behind the end (416).
    """
    has_text = isinstance(error, OSError) and str(error).startswith("Consistency check failed")
    return has_text or _status(error) == 416


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _explanation_of(error: BaseException) -> Explanation | None:
    names = {cls.__name__ for cls in type(error).__mro__}
    for explanation in EXPLANATIONS:
        if explanation.class_name in names:
            return explanation
    if is_inconsistent(error):
        return Explanation("", "damaged", "a file of another length than announced", TRY_AGAIN)
    if "HfHubHTTPError" in names and _status(error):
        return _explanation_of_status(_status(error))
    if isinstance(error, OSError) and error.errno is not None:
        reason = (error.strerror or "an error").lower()
        place = "a Hub cache that can be written"
        return Explanation("", "local", reason, "HF_HOME names another place for it", place)
    return None


def _status(error: BaseException) -> int:
    """Return the status of the HTTP answer that an error is about; 0 where it is about none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _explanation_of_status(status: int) -> Explanation:
    if status in (401, 403):
        return Explanation("", "closed", "HTTP {status}", LOG_IN, "access to the repository")
    reason = responses.get(status, "no known status").lower()
    return Explanation("", "unreachable", f"HTTP {status}: {reason}", "try again later")
