"""The engine client on real engines; where Docker and Podman differ, the difference is written down."""

import hashlib
import json
import secrets
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import anyio
import pytest
from anyio import EndOfStream

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.framing import STDERR, STDOUT, FrameDecoder, JSONDecoder, LineSplitter
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.version import CEILING, FLOOR, APIVersion
from clab_runtime.errors import (
    ConflictError,
    EngineError,
    EngineInternalError,
    EngineStreamError,
    ForbiddenError,
    InvalidArgumentError,
    InvalidValueError,
    NotFoundError,
)
from tests.conftest import NoLeaks
from tests.contract.differences import difference
from tests.engines import Engine

pytestmark = pytest.mark.anyio

IMAGE = "busybox:latest"
# It ends at once on TERM; Podman takes the whole stop time even for a forced removal of what does not.
FOREVER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
NO_SUCH = "no-such-thing"


def new_name() -> str:
    return f"t-{secrets.token_hex(4)}"


def series(engine: Engine) -> tuple[int, int]:
    major, minor = engine.version.split(".")[:2]
    return int(major), int(minor)


async def pieces(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@asynccontextmanager
async def container(  # noqa: PLR0913 - what the tests vary
    client: EngineClient,
    *command: str,
    start: bool = True,
    tty: bool = False,
    open_stdin: bool = False,
    network: str = "",
    binds: Sequence[str] = (),
) -> AsyncGenerator[schema.Created]:
    """Make a container of the test's own, and remove it afterwards, whatever has become of it."""
    request = schema.ContainerCreate(
        image=IMAGE,
        cmd=command or FOREVER,
        tty=tty,
        open_stdin=open_stdin,
        host_config=schema.HostConfig(network_mode=network, binds=binds),
        networking_config=schema.NetworkingConfig(
            endpoints_config={network: schema.EndpointConfig()} if network else {}
        ),
    )
    created = await client.containers.create(new_name(), request)
    try:
        if start:
            await client.containers.start(created.id)
        yield created
    finally:
        with anyio.CancelScope(shield=True):
            with suppress(EngineError):  # it does not run, or is gone
                await client.containers.kill(created.id)
            with suppress(NotFoundError):
                await client.containers.remove(created.id, force=True, volumes=True)


@asynccontextmanager
async def network(client: EngineClient, *subnets: str) -> AsyncGenerator[str]:
    """Make a network of the test's own, with IPv6 if one of the subnets is of that."""
    name = new_name()
    await client.networks.create(
        schema.NetworkCreate(
            name=name,
            check_duplicate=True,
            enable_ipv6=any(":" in subnet for subnet in subnets),
            ipam=schema.IPAM(config=[schema.IPAMPool(subnet=subnet) for subnet in subnets]),
            labels={"x": "y"},
        )
    )
    try:
        yield name
    finally:
        with anyio.CancelScope(shield=True):
            await client.networks.remove(name)


async def frames(source: Duplex | RawStream) -> dict[int, bytes]:
    """Read framed output to its end."""
    decoder, output = FrameDecoder(), {STDOUT: b"", STDERR: b""}
    while data := await _receive(source):
        for stream, payload in decoder.feed(data):
            output[stream] += payload
    decoder.finish()
    return output


async def _receive(source: Duplex | RawStream) -> bytes:
    try:
        return await source.receive()
    except EndOfStream:
        return b""


async def read_logs(raw: RawStream) -> dict[int, bytes]:
    """Read a container's logs to their end."""
    await raw.open()
    try:
        return await frames(raw)
    finally:
        await raw.aclose()


async def exit_code(client: EngineClient, exec_id: str) -> int:
    """Ask until the exec is over: engines know the exit code a little after the output has ended."""
    with anyio.fail_after(10):
        while (found := await client.execs.inspect(exec_id)).running or found.exit_code is None:  # noqa: ASYNC110 - only asking tells
            await anyio.sleep(0.01)
    return found.exit_code


# ---------------------------------------------------------------- the engine itself


async def test_the_engine_says_who_it_is(engine: Engine, client: EngineClient) -> None:
    info = await client.info()
    assert info.engine == engine.kind
    assert info.version == engine.version
    version = await client.system.version()
    assert version.version == engine.version
    assert info.api_version == min(APIVersion.parse(version.api_version), CEILING)
    assert info.api_version >= FLOOR
    names = {component.name for component in version.components or ()}
    assert ("Podman Engine" in names) == (engine.kind == "podman")
    await client.system.ping()
    facts = await client.system.info()
    assert facts.system_time
    assert facts.docker_root_dir.startswith(str(engine.directory))


async def test_many_calls_at_once_share_the_pool(client: EngineClient, no_leaks: NoLeaks) -> None:
    await client.info()
    async with no_leaks():
        async with EngineClient(client.endpoint) as other, anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(other.system.version)
        assert "0 busy, 0 idle, 0 dedicated" in repr(other)


# ---------------------------------------------------------------- containers


async def test_a_container_from_its_creation_to_its_removal(engine: Engine, client: EngineClient) -> None:
    name = new_name()
    request = schema.ContainerCreate(image=IMAGE, cmd=FOREVER, hostname="h1", env=["A=b"], labels={"x": "y"})
    created = await client.containers.create(name, request)
    try:
        found = await client.containers.inspect(name)
        assert (found.id, found.name.lstrip("/"), found.state.status) == (created.id, name, "created")
        assert (found.config.hostname, (found.config.labels or {})["x"]) == ("h1", "y")
        assert "A=b" in (found.config.env or ())
        assert not await client.containers.list(all_states=False, filters={"name": [f"^{name}$"]})
        await client.containers.start(name)
        await client.containers.start(name)  # 304
        assert (await client.containers.inspect(name)).state.pid > 0
        (item,) = await client.containers.list(filters={"label": ["x=y"]})
        assert (item.id, item.state, item.names) == (created.id, "running", [f"/{name}"])
        if difference(engine, "pausing"):
            with pytest.raises(EngineInternalError, match="can not pause containers on rootless"):
                await client.containers.pause(name)
        else:
            await client.containers.pause(name)
            assert (await client.containers.inspect(name)).state.status == "paused"
            await client.containers.unpause(name)
        assert (await client.containers.inspect(name)).state.status == "running"
        await client.containers.stop(name, timeout=10)
        await client.containers.stop(name, timeout=10)  # 304
        state = (await client.containers.inspect(name)).state
        assert (state.running, state.exit_code) == (False, 0)
        # Podman before 5.8 says `stopped` until it has cleaned up.
        assert state.status in ({"exited"} if engine.kind == "docker" else {"exited", "stopped"})
    finally:
        await client.containers.remove(name, force=True, volumes=True)
    with pytest.raises(NotFoundError, match=r"(?i)no such container"):
        await client.containers.inspect(name)
    with pytest.raises(NotFoundError):
        await client.containers.remove(name, force=True)


async def test_killing_ends_a_container_and_waiting_tells_its_exit_code(client: EngineClient) -> None:
    async with container(client) as created:
        results: list[int] = []

        async def wait() -> None:
            results.append((await client.containers.wait(created.id)).status_code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await client.containers.kill(created.id)
        assert results == [137]
    async with container(client, "sh", "-c", "exit 7") as created:
        assert (await client.containers.wait(created.id)).status_code == 7


async def test_waiting_may_be_cancelled(client: EngineClient) -> None:
    async with container(client) as created:
        with anyio.move_on_after(0.2) as scope:
            await client.containers.wait(created.id)
        assert scope.cancelled_caught
        assert ", 0 dedicated" in repr(client)


async def test_an_archive_is_unpacked_in_a_container(client: EngineClient) -> None:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("hello.txt")
        entry.size = 300_000
        tar.addfile(entry, BytesIO(b"x" * 300_000))
    async with container(client) as created:
        await client.containers.put_archive(created.id, "/tmp", pieces(buffer.getvalue()))
        exec_id = await client.execs.create(
            created.id, schema.ExecCreate(cmd=["wc", "-c", "/tmp/hello.txt"], attach_stdout=True)
        )
        async with await client.execs.start(exec_id) as duplex:
            assert (await frames(duplex))[STDOUT].split()[0] == b"300000"


# ---------------------------------------------------------------- logs


async def test_logs_keep_the_two_streams_apart(client: EngineClient) -> None:
    async with container(client, "sh", "-c", "echo out; echo err >&2; echo out2") as created:
        await client.containers.wait(created.id)
        assert await read_logs(client.containers.logs(created.id)) == {STDOUT: b"out\nout2\n", STDERR: b"err\n"}
        assert (await read_logs(client.containers.logs(created.id, tail=1)))[STDOUT] in {b"out2\n", b""}
        stamped = (await read_logs(client.containers.logs(created.id, timestamps=True)))[STDOUT].splitlines()
        assert [line.split(b" ", 1)[1] for line in stamped] == [b"out", b"out2"]
        assert await read_logs(client.containers.logs(created.id, since=4_000_000_000)) == {STDOUT: b"", STDERR: b""}


async def test_followed_logs_come_as_they_are_written_and_end_with_the_container(
    client: EngineClient, no_leaks: NoLeaks
) -> None:
    command = ("sh", "-c", "trap 'echo bye; exit 0' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done")
    async with container(client, *command) as created, no_leaks():
        raw = client.containers.logs(created.id, follow=True)
        with anyio.fail_after(30):
            await raw.open()
            decoder, splitter = FrameDecoder(), LineSplitter()
            lines: list[bytes] = []
            told = False
            while data := await raw.receive():
                for _, payload in decoder.feed(data):
                    lines += splitter.feed(payload)
                if len(lines) >= 5 and not told:
                    told = True
                    await client.containers.kill(created.id, "TERM")
        decoder.finish()
        await raw.aclose()
    assert lines[:5] == [b"0", b"1", b"2", b"3", b"4"]
    assert lines[-1] == b"bye"


async def test_followed_logs_may_be_left_and_take_no_slot(client: EngineClient, no_leaks: NoLeaks) -> None:
    await client.info()
    async with container(client, "sh", "-c", "echo x; exec sleep 600") as created, no_leaks():
        streams = [client.containers.logs(created.id, follow=True) for _ in range(30)]
        async with anyio.create_task_group() as tasks:
            for raw in streams:
                tasks.start_soon(raw.open)
        for raw in streams:
            assert b"x" in await raw.receive()
        assert "30 dedicated" in repr(client)
        await client.system.version()
        for raw in streams:
            await raw.aclose()
        assert ", 0 dedicated" in repr(client)


async def test_a_ttys_output_is_not_framed(client: EngineClient) -> None:
    async with container(client, "sh", "-c", "echo out; echo err >&2", tty=True) as created:
        await client.containers.wait(created.id)
        assert (await client.containers.inspect(created.id)).config.tty
        raw = client.containers.logs(created.id)
        await raw.open()
        data = b""
        while piece := await raw.receive():
            data += piece
        await raw.aclose()
        assert data.replace(b"\r", b"") == b"out\nerr\n"


# ---------------------------------------------------------------- commands


async def test_a_commands_output_is_framed_and_its_exit_code_known(client: EngineClient) -> None:
    async with container(client) as created:
        command = schema.ExecCreate(
            cmd=["sh", "-c", "echo $A; pwd >&2; exit 3"],
            attach_stdout=True,
            attach_stderr=True,
            env=["A=b"],
            working_dir="/tmp",
        )
        exec_id = await client.execs.create(created.id, command)
        async with await client.execs.start(exec_id) as duplex:
            assert await frames(duplex) == {STDOUT: b"b\n", STDERR: b"/tmp\n"}
        assert await exit_code(client, exec_id) == 3


async def test_a_command_reads_its_input_to_the_half_close(client: EngineClient) -> None:
    async with container(client) as created:
        command = schema.ExecCreate(cmd=["wc", "-c"], attach_stdin=True, attach_stdout=True)
        exec_id = await client.execs.create(created.id, command)
        async with await client.execs.start(exec_id) as duplex, anyio.create_task_group() as tasks:

            async def feed() -> None:
                for _ in range(20):
                    await duplex.send(b"x" * 50_000)
                await duplex.send_eof()

            tasks.start_soon(feed)
            with anyio.fail_after(30):
                assert (await frames(duplex))[STDOUT].strip() == b"1000000"
        assert await exit_code(client, exec_id) == 0


async def test_a_large_output_comes_whole(client: EngineClient) -> None:
    async with container(client) as created:
        command = schema.ExecCreate(cmd=["head", "-c", "3000000", "/dev/zero"], attach_stdout=True)
        exec_id = await client.execs.create(created.id, command)
        async with await client.execs.start(exec_id) as duplex:
            assert len((await frames(duplex))[STDOUT]) == 3_000_000


async def test_a_command_on_a_tty_can_be_resized_and_is_not_framed(client: EngineClient) -> None:
    async with container(client) as created:
        # Podman has the terminal resized a moment after it has said so.
        script = ["sh", "-c", "echo ready; read x; while :; do stty size; sleep 0.05; done"]
        command = schema.ExecCreate(cmd=script, tty=True, attach_stdin=True, attach_stdout=True)
        exec_id = await client.execs.create(created.id, command)
        async with await client.execs.start(exec_id, tty=True) as duplex:
            data = b""
            while b"ready\r\n" not in data:
                data += await duplex.receive()
            await client.execs.resize(exec_id, width=81, height=25)
            await duplex.send(b"\n")
            while b"25 81" not in data:
                data += await duplex.receive()


async def test_a_detached_command_runs_on_its_own(engine: Engine, client: EngineClient) -> None:
    async with container(client) as created:
        exec_id = await client.execs.create(created.id, schema.ExecCreate(cmd=["sh", "-c", "echo x >/tmp/x; exit 4"]))
        await client.execs.start_detached(exec_id)
        if engine.kind == "podman" and series(engine) < (5, 0):  # running, it says, until conmon ends: five minutes
            assert (await client.execs.inspect(exec_id)).exit_code is None
        else:
            assert await exit_code(client, exec_id) == 4
        check = schema.ExecCreate(cmd=["sh", "-c", "until cat /tmp/x; do sleep 0.01; done"], attach_stdout=True)
        async with await client.execs.start(await client.execs.create(created.id, check)) as duplex:
            assert (await frames(duplex))[STDOUT] == b"x\n"


async def test_a_command_that_does_not_exist_fails_in_the_engines_own_way(engine: Engine, client: EngineClient) -> None:
    async with container(client) as created:
        command = schema.ExecCreate(cmd=["/no/such"], attach_stdout=True, attach_stderr=True)
        exec_id = await client.execs.create(created.id, command)
        async with await client.execs.start(exec_id) as duplex:
            output = await frames(duplex)
        assert b"no such file" in output[STDERR if engine.kind == "podman" else STDOUT].lower()
        older_docker = engine.kind == "docker" and series(engine) < (28, 0)
        assert await exit_code(client, exec_id) == (126 if older_docker else 127)


async def test_attaching_shows_what_is_written_from_then_on_and_passes_input(client: EngineClient) -> None:
    async with (
        container(client, "cat", open_stdin=True) as created,
        await client.containers.attach(created.id, stdin=True) as duplex,
    ):
        await duplex.send(b"hello\n")
        decoder = FrameDecoder()
        seen = b""
        while seen != b"hello\n":
            seen += b"".join(payload for _, payload in decoder.feed(await duplex.receive()))


# ---------------------------------------------------------------- events


async def test_events_are_seen_live_and_none_is_lost_before_the_call(engine: Engine, client: EngineClient) -> None:
    seen: list[str] = []
    name = new_name()

    async def listen() -> None:
        raw = client.system.events(filters={"type": ["container"], "label": [f"of={name}"]})
        await raw.open()
        ready.set()
        decoder = JSONDecoder(schema.Event)
        try:
            while data := await raw.receive():
                for event in decoder.feed(data):
                    assert event.type == "container"
                    assert event.time_nano > 0
                    assert (event.actor.attributes or {})["name"] == name
                    seen.append(event.action)
                if seen[-1] in {"destroy", "remove"}:
                    return
        finally:
            await raw.aclose()

    ready = anyio.Event()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await ready.wait()
            await anyio.sleep(0.2)  # engines answer before they have subscribed
            request = schema.ContainerCreate(image=IMAGE, cmd=FOREVER, labels={"of": name})
            await client.containers.create(name, request)
            await client.containers.start(name)
            await client.containers.kill(name)
            await client.containers.wait(name)
            await client.containers.remove(name, force=True)
    assert seen[0] == "create"
    assert [action for action in seen if action in {"start", "die"}] == ["start", "die"]
    assert seen[-1] == ("remove" if engine.kind == "podman" else "destroy")
    assert ("init" in seen) == (engine.kind == "podman")


# ---------------------------------------------------------------- networks and volumes


async def test_a_network_and_who_is_in_it(client: EngineClient) -> None:
    async with network(client, "10.213.7.0/24") as name:
        found = await client.networks.inspect(name)
        assert (found.name, found.driver, (found.labels or {})["x"]) == (name, "bridge", "y")
        assert [item.subnet for item in found.ipam.config or ()] == ["10.213.7.0/24"]
        (item,) = await client.networks.list(filters={"name": [f"^{name}$"]})
        assert item.id == found.id
        async with container(client) as created:
            place = schema.EndpointConfig(ipam_config=schema.EndpointIPAMConfig(ipv4_address="10.213.7.77"))
            await client.networks.connect(name, schema.NetworkConnect(container=created.id, endpoint_config=place))
            networks = (await client.containers.inspect(created.id)).network_settings.networks or {}
            assert (networks[name].ip_address, networks[name].ip_prefix_len) == ("10.213.7.77", 24)
            members = (await client.networks.inspect(name)).containers or {}
            assert members[created.id].ipv4_address == "10.213.7.77/24"
            await client.networks.disconnect(name, schema.NetworkDisconnect(container=created.id, force=True))
            assert not (await client.networks.inspect(name)).containers


async def test_a_network_with_ipv6_gives_both_addresses(client: EngineClient) -> None:
    async with network(client, "10.213.8.0/24", "fd00:213:8::/64") as name:
        assert (await client.networks.inspect(name)).enable_ipv6
        async with container(client, network=name) as created:
            networks = (await client.containers.inspect(created.id)).network_settings.networks or {}
            assert networks[name].ip_address.startswith("10.213.8.")
            assert networks[name].global_ipv6_address.startswith("fd00:213:8::")


async def test_a_volume_from_its_creation_to_its_removal(client: EngineClient) -> None:
    name = new_name()
    made = await client.volumes.create(schema.VolumeCreate(name=name, labels={"x": "y"}))
    try:
        assert await client.volumes.create(schema.VolumeCreate(name=name)) == made
        assert (made.name, made.driver) == (name, "local")
        assert (await client.volumes.inspect(name)).mountpoint == made.mountpoint
        assert name in {item.name for item in await client.volumes.list()}
        async with container(client, binds=[f"{name}:/data"]):
            with pytest.raises(ConflictError):
                await client.volumes.remove(name)
    finally:
        await client.volumes.remove(name)
    with pytest.raises(NotFoundError):
        await client.volumes.inspect(name)


# ---------------------------------------------------------------- images


async def test_an_image_is_found_tagged_and_untagged(engine: Engine, client: EngineClient) -> None:
    found = await client.images.inspect(IMAGE)
    assert found.root_fs.layers
    assert found.id in {item.id for item in await client.images.list()}
    repository = f"localhost/{new_name()}"
    await client.images.tag(IMAGE, repository, "v1")
    try:
        assert (await client.images.inspect(f"{repository}:v1")).id == found.id
        assert f"{repository}:v1" in ((await client.images.inspect(IMAGE)).repo_tags or ())
    finally:
        await client.images.remove(f"{repository}:v1")
    with pytest.raises(NotFoundError):
        await client.images.inspect(f"{repository}:v1")
    prefix = "localhost/" if engine.kind == "podman" else ""
    assert f"{prefix}{IMAGE}" in ((await client.images.inspect(IMAGE)).repo_tags or ())


def image_archive(name: str) -> bytes:
    """Write an image of one file, as `docker save` would."""
    layer = BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        entry = tarfile.TarInfo("blob")
        entry.size = 1_000_000
        tar.addfile(entry, BytesIO(secrets.token_bytes(entry.size)))
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file, content in (("config.json", config), ("layer.tar", layer.getvalue()), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, BytesIO(content))
    return archive.getvalue()


async def test_an_image_is_loaded_from_a_streamed_archive(client: EngineClient) -> None:
    name = f"localhost/{new_name()}:v1"
    async with client.images.load(pieces(image_archive(name))) as progress:
        lines = [line.stream async for line in progress]
    try:
        assert any(f"Loaded image: {name}" in line for line in lines)
        assert (await client.images.inspect(name)).root_fs.layers
    finally:
        await client.images.remove(name)


async def test_an_archive_that_is_none_is_an_error_inside_or_before_the_stream(
    engine: Engine, client: EngineClient
) -> None:
    expected = EngineStreamError if engine.kind == "docker" else EngineInternalError
    with pytest.raises(expected):
        async for _ in client.images.load(pieces(b"no tar " * 10_000)):
            pass


async def test_an_upload_to_no_container_is_not_found_and_ends_early(client: EngineClient, no_leaks: NoLeaks) -> None:
    await client.info()
    async with no_leaks():
        with anyio.fail_after(30), pytest.raises(NotFoundError):
            await client.containers.put_archive(NO_SUCH, "/", pieces(bytes(50_000_000)))


# ---------------------------------------------------------------- errors


async def test_what_is_not_there_is_not_found(client: EngineClient) -> None:
    for attempt in (
        client.containers.inspect,
        client.containers.start,
        client.containers.kill,
        client.containers.pause,
        client.containers.remove,
        client.containers.wait,
        client.containers.attach,
        client.execs.inspect,
        client.execs.start,
        client.images.inspect,
        client.images.remove,
        client.networks.inspect,
        client.networks.remove,
        client.volumes.inspect,
        client.volumes.remove,
    ):
        with pytest.raises(NotFoundError) as caught:
            await attempt(NO_SUCH)
        assert caught.value.status == 404
        assert caught.value.message
    with pytest.raises(NotFoundError):
        await client.containers.logs(NO_SUCH, follow=True).open()
    with pytest.raises(NotFoundError, match=r"(?i)no such image"):
        await client.containers.create(new_name(), schema.ContainerCreate(image="no-such-image:1"))


async def test_a_name_in_use_is_a_conflict_be_it_by_podmans_cause_alone(client: EngineClient) -> None:
    async with container(client, start=False) as created:
        name = (await client.containers.inspect(created.id)).name.lstrip("/")
        with pytest.raises(ConflictError, match="in use"):
            await client.containers.create(name, schema.ContainerCreate(image=IMAGE))


async def test_a_network_name_in_use_is_a_conflict(client: EngineClient) -> None:
    async with network(client) as name:
        with pytest.raises(ConflictError, match=r"already (exists|used)"):
            await client.networks.create(schema.NetworkCreate(name=name, check_duplicate=True))


async def test_a_wrong_state_is_a_conflict(client: EngineClient) -> None:
    async with container(client, start=False) as created:
        with pytest.raises(ConflictError):
            await client.containers.pause(created.id)
        with pytest.raises(ConflictError):
            await client.execs.create(created.id, schema.ExecCreate(cmd=["ls"]))
        with pytest.raises(ConflictError):
            await client.containers.kill(created.id)
        await client.containers.start(created.id)
        with pytest.raises(ConflictError):
            await client.containers.remove(created.id)


async def test_a_bad_value_is_an_invalid_argument(client: EngineClient) -> None:
    with pytest.raises(InvalidArgumentError):
        await client.containers.create("bad name", schema.ContainerCreate(image=IMAGE))
    with pytest.raises(InvalidArgumentError):
        await client.containers.list(filters={"bogus": ["x"]})


async def test_a_command_that_is_not_there_is_an_invalid_argument(client: EngineClient) -> None:
    async with container(client, "/no/such/program", start=False) as created:
        with pytest.raises(InvalidArgumentError, match="no such file"):
            await client.containers.start(created.id)
    async with container(client, "/etc/passwd", start=False) as created:
        with pytest.raises(InvalidArgumentError, match="permission denied"):
            await client.containers.start(created.id)


async def test_overlapping_subnets_are_refused(engine: Engine, client: EngineClient) -> None:
    refused = ForbiddenError if engine.kind == "docker" else ConflictError
    async with network(client, "10.213.9.0/24"):
        with pytest.raises(refused, match=r"overlaps|already used"):
            async with network(client, "10.213.9.0/25"):
                pytest.fail("it must not be made")


async def test_a_network_in_use_is_not_removed(engine: Engine, client: EngineClient) -> None:
    refused = ForbiddenError if engine.kind == "docker" else ConflictError
    async with network(client) as name, container(client, network=name):
        with pytest.raises(refused, match=r"active endpoints|being used"):
            await client.networks.remove(name)


async def test_a_name_that_podman_takes_for_a_pattern_of_ids_reaches_no_container(
    engine: Engine, client: EngineClient
) -> None:
    patterns = engine.kind == "podman" and series(engine) >= (4, 5)
    async with container(client, start=False) as created:
        for name in ("%", "_", "%%", f"{created.id[:8]}_%", f"_{created.id[1:]}"):
            for attempt in (client.containers.inspect, client.containers.remove):
                with pytest.raises(InvalidValueError if patterns else NotFoundError) as caught:
                    await attempt(name)
                assert ("wildcards" in str(caught.value)) is patterns
        assert (await client.containers.inspect(created.id)).id == created.id


@pytest.mark.parametrize("name", ["a/.../images/x", "x\r\nHost: y", "x?y#z", "x" * 10_240, "50%off", "é"])
async def test_a_hostile_id_reaches_no_other_endpoint(client: EngineClient, name: str) -> None:
    for attempt in (client.containers.inspect, client.networks.inspect, client.volumes.inspect, client.images.inspect):
        with pytest.raises(EngineError) as caught:
            await attempt(name)
        assert caught.value.status in {400, 404, 414, 431, 500}
    assert (await client.system.version()).version


async def test_pulling_from_nowhere_is_an_error_before_or_inside_the_stream(client: EngineClient) -> None:
    with anyio.fail_after(30), pytest.raises((EngineError, EngineStreamError)):
        async for _ in client.images.pull("127.0.0.1:1/none", "latest"):
            pass
