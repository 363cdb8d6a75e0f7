"""Copies that are refused, or that an engine lets hang."""

import logging
import os
from pathlib import Path

import anyio
import pytest

from clab_runtime import (
    InvalidValueError,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime import copying, source_file
from clab_runtime.runtime.copying import copy_file, refuse_hidden
from tests.conftest import NoLeaks, open_descriptors
from tests.contract.lab import cancelled, within
from tests.contract.test_copy import MEGABYTE, file_of
from tests.engine.fake_engine import Peer, Request, answer, fake_engine

pytestmark = pytest.mark.anyio


async def test_a_file_of_nine_gigabytes_has_its_size_in_the_header(tmp_path: Path) -> None:
    source = tmp_path / "huge"
    with source.open("wb") as file:
        file.truncate(9 * 1024**3)
    with source_file.open_source(str(source)) as opened:
        archive = opened.archive("huge")
        header = await anext(archive)
        await archive.aclose()
    assert b"size=%d\n" % (9 * 1024**3) in header


@pytest.mark.parametrize("destination", ["", "relative", "/", "/d/", "/d/.", "/d/..", "/a\0b", "/\udcff"])
async def test_a_destination_that_names_no_file_is_refused_before_any_request(destination: str, tmp_path: Path) -> None:
    client = EngineClient("unix:///nowhere")
    with pytest.raises(InvalidValueError, match="destination"):
        await copy_file(client, "r1", destination, file_of(tmp_path), 1, check_destination=refuse_hidden)


async def test_a_source_that_is_no_file_to_read_is_refused_before_any_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = EngineClient("unix:///nowhere")
    os.mkfifo(tmp_path / "fifo")
    before = open_descriptors()
    for source, problem in {
        str(tmp_path / "nosuch"): "No such file",
        str(tmp_path): "a directory",
        str(tmp_path / "fifo"): "no regular file",
        "/dev/null": "no regular file",
        "": "No such file",
        "a\0b": "give the path",
    }.items():
        with pytest.raises(InvalidValueError, match=f"source: .*{problem}"):
            await copy_file(client, "r1", "/x", source, 1, check_destination=refuse_hidden)
    secret = file_of(tmp_path, mode=0)
    monkeypatch.setattr(os, "open", refuse)  # root may read all
    with pytest.raises(InvalidValueError, match="Permission denied"):
        await copy_file(client, "r1", "/x", secret, 1, check_destination=refuse_hidden)
    monkeypatch.undo()
    assert open_descriptors() == before


def refuse(*_: object) -> int:
    raise PermissionError(13, "Permission denied")


INSPECT = answer(b'{"Id":"x","State":{"Status":"exited"}}')


async def test_an_engine_that_takes_nothing_is_a_time_out_and_the_rest_is_told(
    tmp_path: Path, no_leaks: NoLeaks, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(peer: Peer, request: Request) -> None:
        if request.method == "PUT":
            await anyio.sleep_forever()
        refusal = answer(b'{"message":"not running"}', status="409 Conflict")
        await peer.body(request)
        await peer.send(INSPECT if request.method == "GET" else refusal)

    source = file_of(tmp_path, bytes(8 * MEGABYTE))
    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(TimeoutError, match=r"nothing for 0\.2 s"):
            await within(lambda: copy_file(client, "r1", "/x", source, 0.2, check_destination=refuse_hidden))
        assert "0 dedicated" in repr(client)
    assert caplog.record_tuples == [
        (
            "clab_runtime",
            logging.WARNING,
            "a part of /x may be left in container r1: POST /containers/r1/exec: 409 not running",
        )
    ]


async def test_an_engine_that_does_not_answer_a_cancelled_copy_is_left(
    tmp_path: Path, no_leaks: NoLeaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "UNDO_TIME", 0.2)
    begun = anyio.Event()

    async def script(peer: Peer, request: Request) -> None:
        if request.method == "GET":
            await peer.send(INSPECT)
        else:
            begun.set()
            await peer.hung_up()

    source = file_of(tmp_path, bytes(MEGABYTE))
    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with anyio.fail_after(5):
            assert await cancelled(
                lambda: copy_file(client, "r1", "/x", source, 30, check_destination=refuse_hidden), begun.wait
            )
