"""The errors of waits that can't come to what was waited for: what became of the container, with the evidence."""

from collections.abc import Sequence
from http import HTTPStatus

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ContainerExitedError, ContainerRuntimeError, ContainerUnhealthyError, NotFoundError
from clab_runtime.runtime.diagnosis import diagnose, signal_name
from clab_runtime.runtime.health import health_log
from clab_runtime.runtime.wait_outcome import Verdict
from clab_runtime.runtime.wait_ticket import Ticket


async def certificate(engine: EngineClient, ticket: Ticket) -> Exception:
    """Make the error that a verdict calls for; GET /containers/{id}/json, GET /containers/{id}/logs."""
    if ticket.outcome.verdict is Verdict.GONE:
        return _removed(ticket)
    try:
        return await (
            _unhealthy(engine, ticket) if ticket.outcome.verdict is Verdict.UNHEALTHY else _ended(engine, ticket)
        )
    except NotFoundError:
        return _removed(ticket)
    except (ContainerRuntimeError, TimeoutError) as exc:
        return (
            exc if ticket.outcome.verdict is Verdict.UNHEALTHY else _bare(ticket, f"its evidence can't be had: {exc}")
        )


async def _ended(engine: EngineClient, ticket: Ticket) -> ContainerExitedError:
    return await diagnose(engine, ticket.id, called=ticket.container, exit_code=ticket.exit_code)


async def _unhealthy(engine: EngineClient, ticket: Ticket) -> ContainerUnhealthyError:
    inspect = await engine.containers.inspect(ticket.id)
    streak = inspect.state.health.failing_streak if inspect.state.health else 0
    return ContainerUnhealthyError(ticket.container, failing_streak=streak, health_log=health_log(inspect))


def _removed(ticket: Ticket) -> Exception:
    """Say that it is gone; how it ended, too, where that was seen."""
    if ticket.exit_code is not None:
        return _bare(ticket, "it has been removed")
    words = f"container {ticket.container!r} was removed while it was waited for"
    return NotFoundError(HTTPStatus.NOT_FOUND.value, words, "GET", f"/containers/{ticket.id}/json")


def _bare(ticket: Ticket, words: str) -> ContainerExitedError:
    """Say that it has ended, without more evidence than that."""
    code = ticket.exit_code
    signal = None if code is None else signal_name(code)
    return ContainerExitedError(ticket.container, exit_code=code, signal=signal, error=words)


def none_left(errors: Sequence[Exception]) -> Exception:
    """Take the first of several errors, and note the others with it."""
    first, *others = errors
    for other in others:
        first.add_note(f"and {other}")
    return first
