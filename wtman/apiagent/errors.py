"""What can go wrong with a response, and whether asking again helps.

Status codes alone do not say it: a stream that breaks off cleanly ends without an error
and without a stop reason, an overload may come inside a stream with status 200, and
being out of credit may be a plain 400.
"""

from dataclasses import dataclass

import anthropic
import httpx2

# Errors inside a stream have the status of the stream; this is what they would have had.
STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
WORDS = {401: "authentication_failed", 402: "billing_error", 403: "permission_denied"}
WORDS |= {429: "rate_limit", 529: "overloaded"}


@dataclass(frozen=True)
class Fault:
    """`status` is HTTP's, `error` a stable word, `wait` the seconds that the server asks for."""

    error: str
    message: str
    status: int | None = None
    again: bool = False
    wait: float | None = None


# What asking may raise. A broken stream may be broken within a line of JSON or an event.
CAUGHT = (anthropic.AnthropicError, httpx2.HTTPError, httpx2.StreamError, ValueError, RuntimeError)


# What the SDK stumbles over where a server's events are not what they should be.
MALFORMED = (AttributeError, TypeError, LookupError)


def unreadable(error: Exception) -> Fault:
    return Fault("truncated", f"the stream is unreadable: {error}", again=True)


def truncated() -> Fault:
    return Fault("truncated", "the stream broke off before the response was complete", again=True)


def fault_of(error: Exception) -> Fault:
    """The fault that an exception of the SDK or of its HTTP library stands for."""
    if isinstance(error, anthropic.APIStatusError):
        return _status(error)
    if isinstance(error, anthropic.APITimeoutError):
        return Fault("timeout", "the server did not answer in time", again=True)
    if isinstance(error, anthropic.APIConnectionError):
        cause = error.__cause__ or error
        return Fault("unknown", f"no connection to the server: {cause}", again=True)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError):
        return Fault(
            "unknown", f"the connection broke: {error or type(error).__name__}", again=True
        )
    if isinstance(error, anthropic.APIResponseValidationError | anthropic.CredentialsError):
        return Fault("invalid", str(error))
    return unreadable(error)


def _status(error: anthropic.APIStatusError) -> Fault:
    kind = error.type or ""
    status = error.status_code
    if status < 400:
        status = STATUS.get(kind, 500)
    message = error.api_message or error.message
    if "credit balance" in message.lower():
        return Fault("billing_error", message, status)
    word = WORDS.get(status, "server_error" if status >= 500 else "invalid_request")
    again = status in (408, 409, 429) or status >= 500
    said = error.response.headers.get("x-should-retry")
    if said in ("true", "false"):
        again = said == "true"
    return Fault(word, message, status, again, _wait(error.response.headers))


def _wait(headers: httpx2.Headers) -> float | None:
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None
