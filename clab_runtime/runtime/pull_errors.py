"""What a failed pull says: which image, which registry, and whether it was about who was asking.

Engines pass a registry's refusal on under statuses of their own; this is the one place that knows their words for it.
"""

import re

from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.reference import ImageReference
from clab_runtime.errors import (
    ContainerRuntimeError,
    EngineError,
    EngineInternalError,
    EngineStreamError,
    UnauthorizedError,
)

_UNAUTHORIZED = re.compile(
    r"unauthorized|no basic auth credentials|authentication required|authorization failed", re.IGNORECASE
)


def pull_error(
    exc: EngineError | EngineStreamError,
    reference: ImageReference,
    credentials: RegistryCredentials | None,
    program: str,
) -> ContainerRuntimeError:
    """Make the error that tells what it was about; `program` is what people log in with."""
    if isinstance(exc, EngineStreamError):
        return EngineStreamError(f"pulling {reference}: {exc}")
    refused = isinstance(exc, EngineInternalError) and _UNAUTHORIZED.search(exc.message)
    kind = UnauthorizedError if refused else type(exc)
    words = f"pulling {reference}: {exc.message}"
    if issubclass(kind, UnauthorizedError):
        words += f"; {_advice(reference, credentials, program)}"
    return kind(exc.status, words, exc.method, exc.path)


def _advice(reference: ImageReference, credentials: RegistryCredentials | None, program: str) -> str:
    """Tell whether there were credentials, and what to do."""
    found = "the credentials that were found are not the right ones" if credentials else "no credentials were found"
    return f"{found}: use `{program} login {reference.domain}`"
