"""What is in the way of an effect on the host."""


class HostError(Exception):
    """An effect on the host can't be had; says why, and what to do where that is known."""


class MissingToolError(HostError):
    """The program or the library for it is not installed."""
