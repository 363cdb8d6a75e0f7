"""What Podman's part of a container's life makes of answers that a real one gives only by chance."""

import json
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from clab_runtime import ConflictError, EngineProtocolError, InvalidValueError, WaitTimeoutError
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.patterns import refuse_pattern, refuse_pattern_in
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.runtime import podman_checks, podman_create, podman_stopping
from clab_runtime.runtime.podman_checks import HealthChecks
from clab_runtime.runtime.podman_stdin import _free_keys as free_keys  # pyright: ignore[reportPrivateUsage]
from clab_runtime.runtime.podman_waiting import wait
from tests.engine.fake_engine import Peer, Request, answer, answering, fake_engine

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
NOT_MODIFIED = answer(status="304 Not Modified")


def ping(version: str = "5.8.1") -> bytes:
    return answer(b"OK", "Api-Version: 1.41", f"Server: Libpod/{version}", f"Libpod-Api-Version: {version}")


def inspected(status: str = "running", *, count: int = 0, policy: str = "", log: tuple[str, ...] = ()) -> bytes:
    health = {"Status": "starting", "Log": [{"Start": start, "ExitCode": 1} for start in log]}
    state = {"Status": status, "Running": status == "running", "ExitCode": 5, "Health": health}
    config = {"Healthcheck": {"Test": ["CMD", "x"], "Interval": SECOND // 5}}
    host = {"RestartPolicy": {"Name": policy}}
    found = {"Id": "x", "Name": "r1", "RestartCount": count, "State": state, "Config": config, "HostConfig": host}
    return answer(json.dumps(found).encode())


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize(
    ("code", "state", "expected"),
    [(b"7", "exited", 7), (b"0", "exited", 0), (b"-1", "exited", 5), (b"0", "created", None), (b"-1", "running", None)],
)
async def test_an_exit_code_is_true_or_an_error(code: bytes, state: str, expected: int | None) -> None:
    script = answering(answer(code), inspected(state))
    async with fake_engine(script, ping=ping()) as fake, EngineClient(fake.endpoint) as client:
        if expected is None:
            with pytest.raises(EngineProtocolError, match="can't tell how container 'r1' ended"):
                await wait(client, "r1")
        else:
            assert await wait(client, "r1") == expected


async def test_a_container_that_no_stop_meets_is_not_stopped_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman_stopping, "LOOP_TIME", 0.2)

    async def script(peer: Peer, request: Request) -> None:
        await peer.send(inspected("stopped", policy="always") if "/json" in request.target else NOT_MODIFIED)

    async with fake_engine(script, ping=ping()) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(WaitTimeoutError, match="starts again and again"):
            await podman_stopping.stop(client, "r1", 1)


async def test_a_stop_that_podman_only_claims_is_asked_for_again() -> None:
    states = [("running", 3), ("stopped", 3), ("running", 4), ("exited", 4)]
    looks = [inspected(state, count=count, policy="always") for state, count in states]
    asked: list[str] = []

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.method == "POST":
            asked.append(request.target.rpartition("/")[2])
        await peer.send(looks.pop(0) if "/libpod/containers/x/json" in request.target else _other(request))

    async with fake_engine(script, ping=ping("4.3.1")) as fake, EngineClient(fake.endpoint) as client:
        await podman_stopping.stop(client, "r1", 1)
    assert (asked, looks) == (["stop?timeout=1"] * 4, [])


async def test_meanwhile_a_restart_policy_is_off_and_it_is_back_in_the_end() -> None:
    looks = [inspected("stopped", policy="always"), inspected("exited", policy="always")]
    refusals = [answer(b'{"cause": "exit status 1"}', status="500 Internal Server Error")]
    asked: list[str] = []

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.method == "POST":
            asked.append(request.target.rpartition("/")[2])
        if "/update" in request.target and refusals:
            await peer.send(refusals.pop())
        else:
            await peer.send(looks.pop(0) if "/libpod/containers/x/json" in request.target else _other(request))

    async with fake_engine(script, ping=ping()) as fake, EngineClient(fake.endpoint) as client:
        await podman_stopping.stop(client, "r1", 1)
    off, back = "update?restartPolicy=no", "update?restartPolicy=always"
    assert asked == ["stop?timeout=1", off, off, "stop?timeout=1", back]


def _other(request: Request) -> bytes:
    stopped = answer(status="204 No Content")
    return inspected(policy="always") if request.method == "GET" else stopped


async def test_what_somebody_starts_right_after_a_stop_is_left_to_run() -> None:
    script = answering(inspected(policy="always"), NOT_MODIFIED, inspected("running", policy="always"))
    async with fake_engine(script, ping=ping()) as fake, EngineClient(fake.endpoint) as client:
        await podman_stopping.stop(client, "r1", 1)


# ---------------------------------------------------------------- health


class Checked:
    """A container whose checks are run by whoever asks, and by systemd if there is one."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.runs = 0

    async def __call__(self, peer: Peer, request: Request) -> None:
        if request.target.endswith("/healthcheck"):
            self.runs += 1
            self.log.append(f"ours {self.runs}")
            await peer.send(answer(b"{}"))
        else:
            await peer.send(inspected(log=tuple(self.log)))


async def looking(checked: Checked, until: Callable[[], bool], meanwhile: Callable[[], Awaitable[object]]) -> None:
    """Have two wait for a container's health until something is so."""
    checks = HealthChecks()
    async with (
        fake_engine(checked, ping=ping()) as fake,
        EngineClient(fake.endpoint) as client,
        anyio.create_task_group() as tasks,
    ):

        def tell(_: schema.ContainerInspect) -> None:
            if until():
                tasks.cancel_scope.cancel()

        tasks.start_soon(checks.keep_up, client, "r1", tell)
        tasks.start_soon(checks.keep_up, client, "r1", tell)
        await meanwhile()
    assert checks.watched == 0, "nothing is kept of what nobody waits for"


async def test_two_who_wait_run_the_check_at_its_own_pace() -> None:
    checked = Checked()
    begun = anyio.current_time()
    await looking(checked, lambda: checked.runs == 3, anyio.lowlevel.checkpoint)
    assert anyio.current_time() - begun > 0.55, "an interval before each of the three"


async def test_a_check_that_somebody_else_runs_is_left_to_him(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman_checks, "OTHERS_INTERVALS", 50)
    checked = Checked()
    checked.log.append("theirs 0")

    async def run() -> None:
        for number in range(1, 5):
            await anyio.sleep(0.1)
            checked.log.append(f"theirs {number}")

    await looking(checked, lambda: len(checked.log) == 5, run)
    assert checked.runs == 0


# ---------------------------------------------------------------- names and keys


@pytest.mark.parametrize("version", ["4.3.1", "4.5.0", "5.8.1"])
@pytest.mark.parametrize("name", ["%", "_", "ce_1", "a%", "%00"])
def test_a_name_that_is_a_pattern_of_ids_is_refused_since_podman_keeps_them_in_sqlite(version: str, name: str) -> None:
    major, minor, _ = map(int, version.split("."))
    info = EngineInfo("podman", version, APIVersion(1, 41), APIVersion(major, minor))
    path = f"/libpod/containers/{name.replace('%', '%25')}/json"
    if version.startswith("4.3"):
        refuse_pattern("longname", name, info)
        refuse_pattern_in(path, info)
        return
    with pytest.raises(InvalidValueError, match=r"longname: .*wildcards"):
        refuse_pattern("longname", name, info)
    with pytest.raises(InvalidValueError, match=r"container: .*wildcards"):
        refuse_pattern_in(path, info)


@pytest.mark.parametrize("name", ["abc123", "clab_r1", "r%", "create", "json"])
def test_other_names_are_no_patterns(name: str) -> None:
    info = EngineInfo("podman", "5.4.2", APIVersion(1, 41), APIVersion(5, 4))
    refuse_pattern("longname", name, info)
    refuse_pattern_in(f"/containers/{name.replace('%', '%25')}", info)


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"x\x02", bytes(range(32)) * 3, b"".join(bytes([1, n]) for n in range(30))]
)
def test_no_data_has_its_keys_or_ends_in_their_beginning(data: bytes) -> None:
    keys = free_keys(data).split(",")
    codes = bytes(ord(key[-1]) - 96 for key in keys)
    assert codes not in data
    assert codes[0] not in data[-len(codes) :]


# ---------------------------------------------------------------- creation


async def test_a_volume_that_somebody_else_makes_meanwhile_is_no_conflict() -> None:
    taken = answer(b'{"cause": "volume already exists", "message": "volume already exists"}', status="409 Conflict")
    made = answer(b'{"Id": "x"}', status="201 Created")
    spec = schema.ContainerSpec(name="r1", image="busybox", volumes=[schema.NamedVolume(name="v", dest="/v")])
    script = answering(answer(b'{"Id": "i"}'), taken, made)
    async with fake_engine(script, ping=ping()) as fake, EngineClient(fake.endpoint) as client:
        assert await podman_create.create(client, spec, ()) == "x"
    script = answering(answer(b'{"Id": "i"}'), taken)
    async with fake_engine(script, ping=ping()) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(ConflictError, match="already exists"):
            await podman_create.create(client, spec, ())
