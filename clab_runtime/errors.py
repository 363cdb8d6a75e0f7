"""What can go wrong, each with a class of its own.

    ContainerRuntimeError
    +-- InvalidValueError           a value is refused before any request (also a ValueError)
    +-- EngineConnectionError       the engine can't be reached; says what to do
    +-- EngineProtocolError         the engine sent bytes that are not the protocol's, or stopped in the middle
    +-- EngineStreamError           the engine reported an error inside a 200 stream
    +-- EngineError                 the engine answered with an error status
    |   +-- InvalidArgumentError    400
    |   +-- UnauthorizedError       401, also when a registry said so to the engine
    |   +-- ForbiddenError          403
    |   +-- NotFoundError           404
    |   +-- ConflictError           409
    |   +-- EngineInternalError     500 and above
    +-- CredentialsError            a registry's credentials can't be had: a broken file, a helper that fails
    +-- SubnetOverlapError          a network's subnet is taken by another network
    +-- UnsupportedOperationError   this engine, or this version of it, can't do that
    +-- EventOverflowError          a consumer of events was slower than the engine, and wanted to be told so
    +-- ContainerExitedError        a container ended where it was to run
    +-- ContainerUnhealthyError     a container's health check failed where it was to succeed
    +-- SourceFileError             a file of this machine can't be read to its end as it was
    +-- WaitTimeoutError            a wait ran out (also a TimeoutError)

A unary call that the engine does not answer in time raises the builtin TimeoutError; cancellation is never wrapped.
"""

from collections.abc import Iterable, Sequence

MAX_MESSAGE = 2000
"""Characters of an engine's message that an error keeps; what a broken engine sends can be of any size."""

MAX_SHOWN = 200
"""Characters of a value or a path that an error's text shows."""


class ContainerRuntimeError(Exception):
    """Everything that clab_runtime raises on purpose."""


class InvalidValueError(ContainerRuntimeError, ValueError):
    """Refuse a value before any request; names the field, the value and what is allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        """Name the field, the value as given, and what would be right."""
        shown = repr(value)
        shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}... ({len(shown)} characters)"
        super().__init__(f"{field}: {shown} is not valid; {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


def not_among(field: str, value: object, choices: Iterable[str]) -> InvalidValueError:
    """Make the error for what is none of the choices."""
    return InvalidValueError(field, value, f"choose one of {', '.join(choices)}")


def not_writable(field: str, exc: UnicodeEncodeError) -> InvalidValueError:
    """Make the error for text that has no bytes; of the text, which may be a secret, it shows just what is wrong."""
    return InvalidValueError(field, exc.object[exc.start : exc.end], "write text that UTF-8 has bytes for")


class EngineConnectionError(ContainerRuntimeError):
    """The engine can't be reached; names the endpoint, the problem and what to do."""

    def __init__(self, endpoint: str, problem: str, advice: str) -> None:
        """Tell where, what and what to do."""
        super().__init__(f"{endpoint}: {problem}; {advice}")
        self.endpoint = endpoint
        self.problem = problem
        self.advice = advice


def already_closed(endpoint: str) -> EngineConnectionError:
    """Make the error for who goes on with what belongs to a runtime, or an engine client, that has been closed."""
    return EngineConnectionError(endpoint, "the runtime or this client has been closed", "open another one")


class EngineProtocolError(ContainerRuntimeError):
    """The engine's bytes are not the protocol's, are too many, or stop in the middle."""


class EngineStreamError(ContainerRuntimeError):
    """The engine reported an error inside a stream that had begun well."""


class EngineError(ContainerRuntimeError):
    """The engine answered with an error status."""

    def __init__(self, status: int, message: str, method: str, path: str) -> None:
        """Keep the engine's status and words with the request that they answer."""
        message = message[:MAX_MESSAGE]
        shown = path if len(path) <= MAX_SHOWN else f"{path[:MAX_SHOWN]}..."
        super().__init__(f"{method} {shown}: {status} {message}")
        self.status = status
        self.message = message
        self.method = method
        self.path = path


class InvalidArgumentError(EngineError):
    """400: the engine refuses a parameter."""


class UnauthorizedError(EngineError):
    """401: credentials are missing or wrong; of a registry's the engine may say so under another status."""


class ForbiddenError(EngineError):
    """403: the engine knows what is asked and refuses it."""


class NotFoundError(EngineError):
    """404: no such container, image, network, volume or exec."""


class ConflictError(EngineError):
    """409: the name is in use, or the object's state does not allow it."""


class EngineInternalError(EngineError):
    """500 and above: the engine failed, or the kernel did."""


class CredentialsError(ContainerRuntimeError):
    """A registry's credentials can't be had; names registry, file or helper, and what to do, never a secret."""

    def __init__(self, registry: str, problem: str, advice: str) -> None:
        """Tell for which registry, what is wrong and what to do."""
        super().__init__(f"credentials for {registry}: {problem}; {advice}")
        self.registry = registry
        self.problem = problem
        self.advice = advice


class SubnetOverlapError(ContainerRuntimeError):
    """A network can't have its subnet, because another network of the engine holds an overlapping one."""

    def __init__(self, network: str, subnet: str, other_network: str, other_subnet: str) -> None:
        """Name both networks and both subnets."""
        super().__init__(
            f"network {network!r} can't have the subnet {subnet}: it overlaps {other_subnet} of network "
            f"{other_network!r}; choose another subnet or remove that network"
        )
        self.network = network
        self.subnet = subnet
        self.other_network = other_network
        self.other_subnet = other_subnet


class UnsupportedOperationError(ContainerRuntimeError):
    """This engine, or this version of it, can't do what is asked; raised before any request."""

    def __init__(self, engine: str, version: str, feature: str) -> None:
        """Name engine, version and feature."""
        super().__init__(f"{engine} {version}".rstrip() + f" does not support {feature}")
        self.engine = engine
        self.version = version
        self.feature = feature


class EventOverflowError(ContainerRuntimeError):
    """The events that waited for a slow consumer had no room any more; says how many there was room for."""

    def __init__(self, size: int) -> None:
        """Name the size of the buffer."""
        super().__init__(f"more than {size} events waited for the consumer; read faster, or give a larger buffer")
        self.size = size


class ContainerExitedError(ContainerRuntimeError):
    """A container ended where it was to run; carries the evidence."""

    def __init__(  # noqa: PLR0913 - it is the list of the evidence
        self,
        container: str,
        *,
        exit_code: int | None = None,
        oom_killed: bool = False,
        signal: str | None = None,
        error: str = "",
        health_log: Sequence[str] = (),
        last_lines: Sequence[bytes] = (),
    ) -> None:
        """Take what the engine still knows of the container."""
        self.container = container
        self.exit_code = exit_code
        self.oom_killed = oom_killed
        self.signal = signal
        self.error = error
        self.health_log = tuple(health_log)
        self.last_lines = tuple(last_lines)
        super().__init__(self._summary())

    def _summary(self) -> str:
        """Say it in a line or a few."""
        parts = [f"container {self.container!r} is not running"]
        if self.exit_code is not None:
            parts.append(f"exit code {self.exit_code}")
        if self.signal:
            parts.append(f"signal {self.signal}")
        if self.oom_killed:
            parts.append("out of memory")
        if self.error:
            parts.append(self.error)
        tail = b"\n".join(self.last_lines).decode(errors="replace")
        return ", ".join(parts) + (f"; its last output:\n{tail}" if tail else "")


class ContainerUnhealthyError(ContainerRuntimeError):
    """A container runs, but its health check has failed so often that the engine calls it unhealthy."""

    def __init__(self, container: str, *, failing_streak: int, health_log: Sequence[str] = ()) -> None:
        """Take how often the check has failed in a row, and what its last runs have said."""
        last = f"; its last output:\n{health_log[-1].rstrip()}" if health_log else ""
        super().__init__(f"container {container!r} is unhealthy, failed checks in a row: {failing_streak}{last}")
        self.container = container
        self.failing_streak = failing_streak
        self.health_log = tuple(health_log)


class SourceFileError(ContainerRuntimeError):
    """A file of this machine can't be read, or has changed while it was copied: nothing of it counts as copied."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class WaitTimeoutError(ContainerRuntimeError, TimeoutError):
    """A wait ran out; names what was waited for, how long, and what was seen last."""


_CLASS_OF_STATUS: dict[int, type[EngineError]] = {
    400: InvalidArgumentError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
}

_OBJECTS = ("container", "exec", "image", "network", "pod", "volume")
_CLASS_OF_CAUSE: dict[str, type[EngineError]] = {
    **dict.fromkeys((f"no such {what}" for what in _OBJECTS), NotFoundError),
    "image not known": NotFoundError,
    "network not found": NotFoundError,
    "invalid argument": InvalidArgumentError,
    "invalid filter": InvalidArgumentError,
    "command that was not found": InvalidArgumentError,
    "OCI permission denied": InvalidArgumentError,
    "already in use": ConflictError,
    "already used": ConflictError,
    "already exists": ConflictError,
    "is being used": ConflictError,
    "container state improper": ConflictError,
}
"""What Podman's `cause` has in it; its statuses say too little: most of these come as a 500."""


def error_from_status(status: int, message: str, method: str, path: str, *, cause: str = "") -> EngineError:
    """Make the error of the class that stands for a status, and on Podman for its cause.

    This is the only place where either becomes a class.
    """
    fallback = EngineInternalError if status >= 500 else EngineError  # noqa: PLR2004 - where HTTP's 5xx begins
    kind = _CLASS_OF_STATUS.get(status, fallback)
    if kind is EngineInternalError:
        kind = next((kind for words, kind in _CLASS_OF_CAUSE.items() if words in cause), kind)
    return kind(status, message, method, path)
