"""Credentials as the docker CLI finds them: files and helpers, good, broken and slow; secrets are never shown."""

import base64
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import anyio
import httpx
import msgspec
import pytest

from clab_runtime import CredentialsError
from clab_runtime.engine import EngineClient, RegistryCredentials, helper
from clab_runtime.engine.auth import DOCKER_HUB, docker_credentials
from tests.conftest import NoLeaks
from tests.engine.fake_engine import answer, answering, fake_engine

pytestmark = pytest.mark.anyio

REGISTRY = "reg.example:5000"
SECRET = "hunter2-\u00e4:+/"
AUTH = base64.b64encode(f"me:{SECRET}".encode()).decode()
MINE = RegistryCredentials(registry=REGISTRY, username="me", password=SECRET)
STORED = f'cat >"$0.asked"; echo \'{{"ServerURL":"x","Username":"me","Secret":"{SECRET}"}}\''

WriteConfig: TypeAlias = Callable[[object], Path]
WriteHelper: TypeAlias = Callable[[str, str], Path]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteConfig:
    """Have a docker CLI's folder with this in it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def write(document: object) -> Path:
        path = tmp_path / "config.json"
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return path

    return write


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteHelper:
    """Have a helper on PATH that is this shell script."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def write(name: str, script: str) -> Path:
        path = tmp_path / f"docker-credential-{name}"
        path.write_text(f'#!/bin/sh\n[ "$*" = get ] || exit 9\n{script}\n')
        path.chmod(0o755)
        return path

    return write


def shown(error: BaseException | None) -> str:
    """Return all that an error and its causes show."""
    words = ""
    while error is not None:
        words += f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__
    return words


async def refused(domain: str = REGISTRY) -> CredentialsError:
    with pytest.raises(CredentialsError) as caught:
        await docker_credentials(domain)
    error = caught.value
    assert error.registry in str(error)
    assert SECRET not in shown(error)
    assert AUTH not in shown(error)
    return error


def runs(pid_file: Path) -> bool:
    return Path("/proc", pid_file.read_text().strip()).exists()


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize(
    "auths",
    [
        {REGISTRY: {"auth": AUTH}},
        {REGISTRY: {"username": "me", "password": SECRET}},
        {"other": {"auth": "broken"}, f"https://{REGISTRY}/v2/": {"auth": AUTH}},
        {f"http://{REGISTRY}": {"auth": AUTH}, "none": None},
        {f"{REGISTRY}/path": {"auth": AUTH}},
        {REGISTRY: {"auth": AUTH}, f"https://{REGISTRY}": {"auth": "broken"}},
        {REGISTRY: {"auth": base64.b64encode(f"me:{SECRET}\0\0".encode()).decode()}},
    ],
)
async def test_a_login_is_found_whichever_way_it_was_written(config: WriteConfig, auths: object) -> None:
    config({"auths": auths, "credHelpers": {"other": "x"}, "HttpHeaders": {"a": "b"}})
    assert await docker_credentials(REGISTRY) == MINE


async def test_the_hub_has_a_name_of_its_own(config: WriteConfig) -> None:
    config({"auths": {DOCKER_HUB: {"auth": AUTH}}})
    found = await docker_credentials("docker.io")
    assert found
    assert (found.registry, found.username) == (DOCKER_HUB, "me")


async def test_tokens_are_taken_over(config: WriteConfig) -> None:
    config({"auths": {REGISTRY: {"identitytoken": "t1", "registrytoken": "t2"}}})
    assert await docker_credentials(REGISTRY) == RegistryCredentials(
        registry=REGISTRY, identity_token="t1", registry_token="t2"
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"auths": None, "credHelpers": None, "credsStore": None},
        {"auths": {"example:5000": {"auth": AUTH}, f"x{REGISTRY}": {"auth": AUTH}}},
        {"auths": {REGISTRY: {}}},
        {"auths": {REGISTRY: None}},
    ],
)
async def test_a_registry_that_the_file_does_not_know_gets_nothing(config: WriteConfig, document: object) -> None:
    config(document)
    assert await docker_credentials(REGISTRY) is None


async def test_no_file_means_no_credentials(
    config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await docker_credentials(REGISTRY) is None
    monkeypatch.setenv("DOCKER_CONFIG", str(config({}) / "below-a-file"))
    assert await docker_credentials(REGISTRY) is None
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker").mkdir()
    assert await docker_credentials(REGISTRY) is None
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": AUTH}}}))
    assert await docker_credentials(REGISTRY) == MINE


@pytest.mark.parametrize(
    "document",
    [
        b"",
        f'{{"auths": {{"{REGISTRY}": {{"auth": "{AUTH}"'.encode(),
        f'{{"credsStore": "{SECRET}'.encode() + b'\xff"}',
        {"auths": {REGISTRY: AUTH}},
        {"auths": [AUTH]},
        {"auths": {REGISTRY: {"auth": 5, "password": SECRET}}},
    ],
)
async def test_a_file_that_is_broken_is_named(config: WriteConfig, document: object) -> None:
    path = config(document)
    assert str(path) in str(await refused())


async def test_a_file_that_can_not_be_read_is_named(config: WriteConfig, tmp_path: Path) -> None:
    del config
    (tmp_path / "config.json").mkdir()
    assert "config.json can't be read: Is a directory" in str(await refused())


@pytest.mark.parametrize(
    "auth",
    [
        f"{AUTH}*",
        SECRET,
        base64.b64encode(SECRET.partition(":")[0].encode()).decode(),
        base64.b64encode(f":{SECRET}".encode()).decode(),
        base64.b64encode(f"me:{SECRET}".encode("latin-1")).decode(),
    ],
)
async def test_a_login_that_is_broken_says_to_log_in_again(config: WriteConfig, auth: str) -> None:
    config({"auths": {REGISTRY: {"auth": auth}}})
    error = await refused()
    assert "docker login" in error.advice
    assert auth not in shown(error)


# ---------------------------------------------------------------- helpers


async def test_a_helper_of_the_registry_comes_before_that_of_all_and_that_before_the_file(
    config: WriteConfig, program: WriteHelper
) -> None:
    own, store = program("own", STORED), program("store.1", STORED.replace('"me"', '"all"'))
    document = {"auths": {REGISTRY: {"auth": "broken"}}, "credsStore": "store.1", "credHelpers": {REGISTRY: "own"}}
    config(document)
    assert await docker_credentials(REGISTRY) == MINE
    found = await docker_credentials("elsewhere")
    assert found
    assert found.username == "all"
    assert (own.with_name(f"{own.name}.asked").read_text(), store.with_name(f"{store.name}.asked").read_text()) == (
        REGISTRY,
        "elsewhere",
    )
    config({**document, "auths": {REGISTRY: {"auth": AUTH}}, "credHelpers": {REGISTRY: ""}})
    assert await docker_credentials(REGISTRY) == MINE  # an empty name: none for this one


async def test_a_helper_may_have_a_token_or_nothing(config: WriteConfig, program: WriteHelper) -> None:
    config({"auths": {REGISTRY: {"auth": AUTH}}, "credsStore": "x"})
    program("x", 'echo \'{"Username":"<token>","Secret":"t1"}\'')
    assert await docker_credentials(REGISTRY) == RegistryCredentials(registry=REGISTRY, identity_token="t1")
    program("x", "echo credentials not found in native keychain; exit 1")
    assert await docker_credentials(REGISTRY) is None


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (f"echo '{SECRET}'; echo '{SECRET}' >&2; exit 3", r"failed \(status 3\)"),
        ("kill -9 $$", r"failed \(status -9\)"),
        (f"echo '{SECRET}'", "did not answer with the JSON"),
        (f"echo '[\"{SECRET}\"]'", "did not answer with the JSON"),
        (f'printf \'{{"Username":"x","Secret":"{SECRET}\\377"}}\'', "did not answer with the JSON"),
        ('echo \'{"Username":"me"}\'', "did not answer with the JSON"),
        ("true", "did not answer with the JSON"),
    ],
)
async def test_a_helper_that_fails_is_named_with_what_to_do(
    config: WriteConfig, program: WriteHelper, script: str, problem: str
) -> None:
    config({"credsStore": "bad"})
    program("bad", script)
    error = await refused()
    assert error.problem.startswith("docker-credential-bad")
    assert REGISTRY in error.advice
    assert re.search(problem, str(error))


@pytest.mark.parametrize("name", ["none-such", "../x", "a b", "-x", "\0"])
async def test_a_helper_that_is_missing_or_has_no_program_s_name_is_an_error(config: WriteConfig, name: str) -> None:
    config({"credHelpers": {REGISTRY: name}})
    assert "config.json" in (await refused()).advice


@pytest.mark.parametrize("script", ["sleep 1000", "sleep 1000 &", "exec yes", "exec >&-; sleep 1000"])
async def test_a_helper_that_goes_on_for_ever_is_killed_with_its_children(
    config: WriteConfig, program: WriteHelper, monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks, script: str
) -> None:
    monkeypatch.setattr(helper, "ANSWER_TIME", 0.2)
    config({"credsStore": "slow"})
    path = program("slow", f'echo $$ >"$0.pid"\n{script}')
    async with no_leaks():
        began = time.monotonic()
        error = await refused()
        assert time.monotonic() - began < 5
    assert "docker-credential-slow" in error.problem
    assert not runs(path.with_name(f"{path.name}.pid"))


async def test_a_helper_is_killed_when_its_caller_is_cancelled(
    config: WriteConfig, program: WriteHelper, no_leaks: NoLeaks
) -> None:
    config({"credsStore": "slow"})
    path = program("slow", 'echo $$ >"$0.pid"\nsleep 1000')
    pid = path.with_name(f"{path.name}.pid")
    async with no_leaks():
        with anyio.move_on_after(0.2) as scope:
            await docker_credentials(REGISTRY)
    assert scope.cancelled_caught
    assert not runs(pid)


# ---------------------------------------------------------------- on the way to the engine


def decoded(header: str) -> object:
    return msgspec.json.decode(base64.urlsafe_b64decode(header))


async def test_the_engine_gets_them_in_a_header() -> None:
    token = RegistryCredentials(registry=REGISTRY, identity_token="t")
    async with fake_engine(answering(answer(b'{"status":"x"}'))) as engine, EngineClient(engine.endpoint) as client:
        for credentials in (MINE, token, None):
            assert [line.status async for line in client.images.pull("r.io/b", "1", credentials)] == ["x"]
    first, second, third = engine.requests
    assert decoded(first.headers["x-registry-auth"]) == {
        "username": "me",
        "password": SECRET,
        "serveraddress": REGISTRY,
    }
    assert decoded(second.headers["x-registry-auth"]) == {"identitytoken": "t", "serveraddress": REGISTRY}
    assert "x-registry-auth" not in third.headers


class Recorder(httpx.AsyncBaseTransport):
    """Another transport, which sees the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, headers={"Api-Version": "1.41"}, stream=httpx.ByteStream(b"{}"))


async def test_nothing_that_has_them_shows_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    recorder = Recorder()
    async with EngineClient("unix:///nowhere", transport=recorder) as client:
        stream = client.images.pull("r.io/b", "1", MINE)
        async for _ in stream:
            pass
    request = recorder.requests[-1]
    header = MINE.header().decode()
    assert request.headers["X-Registry-Auth"] == header
    assert "[secure]" in repr(request.headers)
    for item in (MINE, stream, client, request, request.headers, vars(request), caplog.text):
        assert SECRET not in f"{item} {item!r}"
        assert header not in f"{item} {item!r}"
