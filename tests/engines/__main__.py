"""The command line: ``python3 -m tests.engines --help``."""

from __future__ import annotations

import argparse
import os
import sys

from tests.engines import lifecycle, mounts
from tests.engines.errors import EngineSetupError
from tests.engines.run import run
from tests.engines.specs import ENGINES
from tests.engines.state import Engine, known_directories


def main() -> int:
    """Carry out one command and return the exit status."""
    options = _parser().parse_args()
    try:
        return int(_COMMANDS[options.command](options))
    except EngineSetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.engines", description="Private engines for tests.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start engines and print their DOCKER_HOST or CONTAINER_HOST")
    up.add_argument("names", nargs="+", metavar="NAME")
    up.add_argument("--dir", help="state directory (of a single engine)")
    down = commands.add_parser("down", help="stop engines and remove every trace of them")
    down.add_argument("names", nargs="*", metavar="NAME_OR_DIRECTORY")
    down.add_argument("--all", action="store_true", help="all engines in the default place")
    commands.add_parser("status", help="show the engines that are up; fail when there is none")
    commands.add_parser("list", help="show the names")
    env = commands.add_parser("env", help="print shell assignments for a running engine")
    env.add_argument("name", metavar="NAME_OR_DIRECTORY")
    inside = commands.add_parser("exec", help="run a command in the network namespace of a running engine")
    inside.add_argument("--inside", action="store_true", help="in its root file system as well, and as its user")
    inside.add_argument("name", metavar="NAME_OR_DIRECTORY")
    inside.add_argument("arguments", nargs=argparse.REMAINDER, metavar="CMD...")
    around = commands.add_parser("run", help="start an engine, run a command that finds it, stop the engine")
    around.add_argument("name", metavar="NAME_OR_KIND", help="docker, podman: the user's own, if that answers")
    around.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- CMD...")
    return parser


def _up(options: argparse.Namespace) -> int:
    if options.dir and len(options.names) > 1:
        raise EngineSetupError("--dir is for a single engine")
    for name in options.names:
        engine = lifecycle.up(name, options.dir)
        print(f"{engine.variable}={engine.endpoint}", flush=True)
    return 0


def _down(options: argparse.Namespace) -> int:
    for place in [*options.names, *(known_directories() if options.all else ())]:
        lifecycle.down(place)
    if options.all:  # links of nodes may have kept it when the last engine went
        mounts.release_run_netns(set())
    return 0


def _status(_: argparse.Namespace) -> int:
    engines = lifecycle.found()
    for engine in engines:
        print(engine.name, engine.version, engine.endpoint, "up" if lifecycle.answers(engine) else "not answering")
    return 0 if engines else 1


def _list(_: argparse.Namespace) -> int:
    for spec in ENGINES.values():
        print(f"{spec.name:<20} Debian {spec.suite}")
    return 0


def _env(options: argparse.Namespace) -> int:
    engine = _existing(options.name)
    print(f"export {engine.variable}={engine.endpoint}\nexport ENGINE_NETNS={engine.netns}")
    return 0


def _exec(options: argparse.Namespace) -> int:
    command = _without_dashes(options.arguments)
    prefix = lifecycle.enter_command(_existing(options.name), inside=options.inside, as_user=options.inside)
    os.execvp(prefix[0], [*prefix, *command])


def _run(options: argparse.Namespace) -> int:
    return run(options.name, _without_dashes(options.arguments))


def _without_dashes(arguments: list[str]) -> list[str]:
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        raise EngineSetupError("which command?")
    return command


def _existing(name: str) -> Engine:
    engine = lifecycle.find(name)
    if engine is None:
        raise EngineSetupError(f"{name} is not up")
    return engine


_COMMANDS = {"up": _up, "down": _down, "status": _status, "list": _list, "env": _env, "exec": _exec, "run": _run}

if __name__ == "__main__":
    sys.exit(main())
