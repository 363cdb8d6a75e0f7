"""Deploy a network lab of many nodes at once, watch it while it runs, and take it away again.

    python examples/deploy_lab.py --nodes 12 --image busybox:latest

Read `Lab` first: it is the whole life of a lab, top to bottom. All that it makes has the run's mark in its label or
name, and `Lab.remove` finds it by that: on success, on an error and on Ctrl-C at any moment.
"""

import argparse
import importlib.util
import logging
import math
import re
import secrets
import signal
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import anyio
from anyio.abc import TaskGroup, TaskStatus
from display import Display, make_display, table

from clab_runtime import (
    ContainerRuntime,
    ContainerRuntimeError,
    CredentialsError,
    EndpointlessNode,
    EngineError,
    EngineStreamError,
    EventGap,
    EventStreamOptions,
    ExecCmd,
    GenericContainer,
    GenericFilter,
    InvalidValueError,
    MgmtNet,
    NodeConfig,
    PullPolicy,
    StartedContainer,
    labels,
    open_runtime,
)

RUN_LABEL = "clab-demo-run"
"""The label that all containers of a run have, and no other's."""

START_TIME = 60.0
"""Seconds that a node gets to come up."""

DYING_TIME = 1.0
"""Seconds that a node gets to die of what has made a command fail."""

CLEAN_UP_TIME = 60.0
"""Seconds that removing everything may take."""

MAX_NODES = 250
"""As many as the default subnet has room for."""

NODE_COMMAND = """sh -c 'echo "$(hostname) is up"; while sleep 1; do echo "up for $((n += 1)) s"; done'"""


MOST_SHOWN = 3
"""Errors that are shown when many nodes fail together."""


class LabError(Exception):
    """What is to be told to the user without a traceback."""


EXPECTED = (LabError, ContainerRuntimeError, TimeoutError)
"""What can go wrong without anything being wrong with this program."""


@dataclass(frozen=True)
class Plan:
    """What is to be deployed."""

    runtime: str
    name: str
    run: str
    nodes: Sequence[NodeConfig]
    image: str
    mgmt: MgmtNet
    command: ExecCmd
    seconds: float

    @property
    def by_hand(self) -> str:
        """Tell how to remove what this program could not."""
        return (
            f"{self.runtime} rm --force --volumes "
            f"$({self.runtime} ps --all --quiet --filter label={RUN_LABEL}={self.run}); "
            f"{self.runtime} network rm {self.mgmt.network}"
        )


@dataclass
class Lab:
    """A lab on an engine, from its first network to its last container."""

    runtime: ContainerRuntime
    plan: Plan
    display: Display
    problems: list[str]
    has_network: bool = False
    started: dict[str, StartedContainer] = field(default_factory=dict[str, StartedContainer])

    async def run(self) -> None:
        """Deploy the lab, use it, and remove it whatever happens."""
        await self.refuse_if_deployed()
        async with anyio.create_task_group() as watchers:
            await watchers.start(self.follow_events)
            try:
                await self.deploy_and_use()
            finally:
                # A shield, since the reason to clean up may well be that we have been cancelled.
                with anyio.CancelScope(shield=True):
                    await self.remove()
            watchers.cancel_scope.cancel()

    async def refuse_if_deployed(self) -> None:
        """Leave a lab of the same name alone, whoever made it."""
        there = await self.runtime.list_containers([GenericFilter("label", labels.CONTAINERLAB, "=", self.plan.name)])
        if there:
            names = ", ".join(sorted(name for container in there for name in container.names))
            raise LabError(f"a lab called {self.plan.name!r} exists already ({names}); choose another with --name")

    async def deploy_and_use(self) -> None:
        """Make network, image and nodes, all nodes at once; run a command on all; show what there is."""
        display, nodes = self.display, self.plan.nodes

        display.step(f"making network {self.plan.mgmt.network}")
        self.has_network = True  # or nearly: cancelled from here on, there may be one to remove
        await self.runtime.create_net()

        display.step(f"getting image {self.plan.image}")
        try:
            async with self.runtime.stream_pull(self.plan.image, PullPolicy.IF_NOT_PRESENT) as pull:
                async for progress in pull:
                    display.progress(progress.fraction)
        except (CredentialsError, EngineError, EngineStreamError) as error:
            raise LabError(f"image {self.plan.image} is not on the engine, and can't be pulled: {error}") from error

        async with anyio.create_task_group() as log_followers:
            display.step(f"creating and starting {len(nodes)} nodes")
            began = time.monotonic()
            async with anyio.create_task_group() as tasks:
                for node in nodes:
                    tasks.start_soon(self.bring_up, node, log_followers)
            all_running = time.monotonic()

            display.step(f"running {self.plan.command} on each")
            async with anyio.create_task_group() as tasks:
                for node in nodes:
                    tasks.start_soon(self.run_command, node)
            all_done = time.monotonic()

            await self.show_table()
            display.say(
                f"{len(nodes)} nodes running after {all_running - began:.1f} s, "
                f"{self.plan.command} run on each in {all_done - all_running:.1f} s\n"
            )
            display.step("following logs and events")
            await anyio.sleep(self.plan.seconds)
            log_followers.cancel_scope.cancel()

    async def bring_up(self, node: NodeConfig, log_followers: TaskGroup) -> None:
        """Create a node, start it, follow its log, and wait until it runs."""
        self.display.stage(node.short_name, "creating")
        await self.runtime.create_container(node)
        self.display.stage(node.short_name, "starting")
        started = await self.runtime.start_container(node.long_name, EndpointlessNode(node))
        self.started[node.short_name] = started
        log_followers.start_soon(self.follow_log, node)
        with anyio.move_on_after(START_TIME) as limit:
            await started.wait_running()
        if limit.cancelled_caught:
            raise LabError(f"node {node.short_name} does not run after {START_TIME:g} s")
        self.display.stage(node.short_name, "running")

    async def run_command(self, node: NodeConfig) -> None:
        """Run the command on a node; it has to succeed."""
        try:
            result = await self.runtime.exec(node.long_name, self.plan.command)
            output = (result.stdout_text + result.stderr_text).strip() or "no output"
            failure = "" if result.ok else f"has exit code {result.exit_code}: {output}"
        except EngineError as error:
            failure = f"can't be run: {error}"
        if failure:
            # On a node that is just dying any command fails: why the node dies is the better news.
            with anyio.move_on_after(DYING_TIME):
                await self.started[node.short_name].wait_exited()
            await self.started[node.short_name].wait_running()
            raise LabError(f"node {node.short_name}: {self.plan.command} {failure}")
        self.display.stage(node.short_name, "command ok")

    async def follow_log(self, node: NodeConfig) -> None:
        """Show what a node writes; its log ends when the node does."""
        async with self.runtime.stream_logs(node.long_name) as log:
            async for line in log:
                self.display.log(node.short_name, line.text)
        await self.started[node.short_name].wait_exited()
        await self.started[node.short_name].wait_running()  # it does not: raises and tells why

    async def follow_events(self, *, task_status: TaskStatus[None]) -> None:
        """Show what the engine says happens to this run's containers."""
        async with self.runtime.stream_events(EventStreamOptions({RUN_LABEL: self.plan.run})) as events:
            task_status.started()  # from here on none is missed
            async for event in events:
                if isinstance(event, EventGap):
                    self.display.say(f"events are missing: {event.reason}")
                else:
                    self.display.event(event.attributes[labels.NODE_NAME], event.action)

    async def show_table(self) -> None:
        """Show the nodes as the engine has them."""
        found = {container.labels[labels.NODE_NAME]: container for container in await self.list_own()}
        rows = [
            (container.names[0], container.state, str(container.pid), container.ipv4, container.ipv6)
            for container in (found[node.short_name] for node in self.plan.nodes)
        ]
        self.display.say("\n" + table(("name", "state", "pid", "IPv4", "IPv6"), rows) + "\n")

    async def list_own(self) -> Sequence[GenericContainer]:
        """List the containers that this run has made."""
        return await self.runtime.list_containers([GenericFilter("label", RUN_LABEL, "=", self.plan.run)])

    async def remove(self) -> None:
        """Remove this run's containers, all at once, and its network; note it when that can't be done."""
        self.display.step("removing everything")
        began, removed, failures = time.monotonic(), 0, list[str]()
        with anyio.move_on_after(CLEAN_UP_TIME) as limit:
            try:
                while (own := await self.list_own()) and not failures:
                    async with anyio.create_task_group() as tasks:
                        for container in own:
                            tasks.start_soon(self.delete, container, failures)
                    removed += len(own)
                await self.runtime.delete_net()
            except EXPECTED as error:
                failures.append(message(error))
        if limit.cancelled_caught:
            failures.append(f"removing takes longer than {CLEAN_UP_TIME:g} s")
        if failures:
            shown = "; ".join(failures[:MOST_SHOWN])
            self.problems.append(f"something may be left: {shown}\nto remove it: {self.plan.by_hand}")
            return
        network = f" and network {self.plan.mgmt.network}" if self.has_network else ""
        self.display.say(f"removed {removed} containers{network} in {time.monotonic() - began:.1f} s")

    async def delete(self, container: GenericContainer, failures: list[str]) -> None:
        """Delete a container; when that fails, the others are to go all the same."""
        name = container.labels[labels.NODE_NAME]
        self.display.stage(name, "removing")
        try:
            await self.runtime.delete_container(container.id)
        except EXPECTED as error:
            failures.append(f"node {name}: {message(error)}")
        else:
            self.display.stage(name, "removed")


# ---------------------------------------------------------------- the program around it


async def deploy(plan: Plan, problems: list[str], signals: list[int]) -> None:
    """Run a lab until it is done, or until the first Ctrl-C or the like."""

    async def wait_for_signals(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as receiver:
            task_status.started()
            async for number in receiver:
                display.say("still removing what was made" if signals else "interrupted: removing what was made")
                signals.append(number)
                lab_scope.cancel()

    with make_display([node.short_name for node in plan.nodes]) as display, messages_shown_by(display):
        async with anyio.create_task_group() as background:
            lab_scope = anyio.CancelScope()
            await background.start(wait_for_signals)
            background.start_soon(display.keep_drawing)
            with lab_scope:
                async with open_runtime(plan.runtime, mgmt=plan.mgmt) as runtime:
                    await Lab(runtime, plan, display, problems).run()
            background.cancel_scope.cancel()


@contextmanager
def messages_shown_by(display: Display) -> Generator[None]:
    """Let the display show what clab_runtime logs, such as its warnings: elsewhere they would tear it apart."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: display.say(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("clab_runtime")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def message(error: BaseException) -> str:
    """Say what an error says."""
    return str(error) or type(error).__name__


def messages(group: BaseExceptionGroup[BaseException]) -> list[str]:
    """Say what a group of errors says: each once, and the first few only, since nodes tend to fail together."""
    found = dict.fromkeys(_leaves(group))
    more = [f"and {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else []
    return [*list(found)[:MOST_SHOWN], *more]


def _leaves(error: BaseException) -> Iterator[str]:
    """Take a group apart."""
    if isinstance(error, BaseExceptionGroup):
        for part in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(part)
    else:
        yield message(error)


def make_plan(arguments: argparse.Namespace) -> Plan:
    """Make the nodes and the network out of the command line; the run's own mark is in all of them."""
    lab, run = arguments.name, secrets.token_hex(3)
    nodes: list[NodeConfig] = []
    for index in range(arguments.nodes):
        name = f"n{index + 1}"
        long_name = labels.container_name(lab, name)
        node_labels = {
            labels.CONTAINERLAB: lab,
            labels.NODE_NAME: name,
            labels.LONG_NAME: long_name,
            RUN_LABEL: run,
        }
        nodes.append(
            NodeConfig(
                short_name=name,
                long_name=long_name,
                index=index,
                image=arguments.image,
                cmd=arguments.cmd,
                labels=node_labels,
            )
        )
    # A name that no other run has, so that the network is this run's to remove.
    mgmt = MgmtNet(network=f"clab-{lab}-{run}", ipv4_subnet=arguments.ipv4_subnet, ipv6_subnet=arguments.ipv6_subnet)
    command = ExecCmd(arguments.exec)
    return Plan(arguments.runtime, lab, run, nodes, arguments.image, mgmt, command, arguments.seconds)


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        description="Deploy a lab, watch it, and remove it.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    option = parser.add_argument
    option("--nodes", type=_number_of_nodes, default=12, metavar="N", help=f"how many, 1 to {MAX_NODES}")
    option("--image", default="busybox:latest", metavar="REF", help="what they are made from")
    option("--name", type=_name, default="demo", help="what the lab is called")
    option("--runtime", default="docker", metavar="NAME", help="a runtime that clab_runtime knows")
    option("--backend", choices=("asyncio", "trio"), default="asyncio", help="the event loop")
    option("--cmd", default=NODE_COMMAND, metavar="COMMAND", help="what each node runs")
    option("--exec", default="ip -o addr show dev eth0", metavar="COMMAND", help="run on each node once all run")
    option("--seconds", type=_seconds, default=3.0, metavar="S", help="how long to watch the lab")
    # 198.18.0.0/15 is set apart for testing network devices (RFC 2544): hardly anything else uses it.
    option("--ipv4-subnet", default="198.18.42.0/24", metavar="NET", help="of the management network")
    option("--ipv6-subnet", default="auto", metavar="NET", help="the same for IPv6; auto: a random one")
    return parser


def _number_of_nodes(text: str) -> int:
    """Refuse what the default subnet has no room for."""
    if not (text.isdecimal() and 1 <= int(text) <= MAX_NODES):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_NODES}")
    return int(text)


def _seconds(text: str) -> float:
    """Refuse what can't be waited for."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _name(text: str) -> str:
    """Refuse what engines would not take as a part of a name."""
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,29}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not 1 to 30 of the characters a-z A-Z 0-9 _ . -, not led by _ . -"
        )
    return text


def main() -> int:
    """Deploy the lab that the command line describes, and return the exit status."""
    parser = make_parser()
    arguments = parser.parse_args()
    if importlib.util.find_spec(arguments.backend) is None:
        parser.error(f"the backend {arguments.backend} is not installed: pip install {arguments.backend}")
    try:
        plan = make_plan(arguments)
    except InvalidValueError as error:
        parser.error(str(error))
    problems: list[str] = []
    signals: list[int] = []
    try:
        anyio.run(deploy, plan, problems, signals, backend=arguments.backend)
    except* EXPECTED as group:
        problems[:0] = messages(group)
    except* KeyboardInterrupt:  # before anything was made, or after all was removed
        signals.append(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: an impatient Ctrl-C has nothing to interrupt
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
    if problems:
        return 1
    return 128 + signals[0] if signals else 0


if __name__ == "__main__":
    sys.exit(main())
