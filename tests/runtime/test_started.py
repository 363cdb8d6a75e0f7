"""Waits and evidence, on an engine that plays scripts."""

import pytest

from clab_runtime import (
    EngineProtocolError,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime import diagnosis
from clab_runtime.runtime.diagnosis import diagnose
from clab_runtime.runtime.docker import DockerDialect
from tests.engine.fake_engine import Peer, Request, answer, answering, chunked, fake_engine

pytestmark = pytest.mark.anyio


async def test_an_engine_that_can_not_tell_the_end_is_an_error() -> None:
    reply = answer(b'{"StatusCode":-1,"Error":{"Message":"no idea"}}')
    async with fake_engine(answering(reply)) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(EngineProtocolError, match="no idea"):
            await DockerDialect().wait(client, "r1")


async def test_a_log_that_can_not_be_read_hides_no_other_evidence() -> None:
    dead = answer(b'{"Id":"x","State":{"Status":"exited","ExitCode":137,"OOMKilled":true,"Error":"no room"}}')

    async def script(peer: Peer, request: Request) -> None:
        broken = answer(b'{"message":"no log driver"}', status="501 Not Implemented")
        await peer.send(broken if "/logs" in request.target else dead)

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        error = await diagnose(client, "r1")
    assert (error.exit_code, error.signal, error.oom_killed, error.error) == (137, "SIGKILL", True, "no room")
    assert b"no log driver" in error.last_lines[0]
    assert "out of memory" in str(error)


async def test_the_lines_read_before_a_log_hangs_are_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "LOG_TIME", 0.2)

    async def script(peer: Peer, request: Request) -> None:
        if "/logs" in request.target:
            await peer.send(chunked(b"one\r\n", end=False))
            await peer.hung_up()
        await peer.send(answer(b'{"Id":"x","State":{"Status":"exited"},"Config":{"Tty":true}}'))

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        error = await diagnose(client, "r1")
    assert error.last_lines == (b"one",)
