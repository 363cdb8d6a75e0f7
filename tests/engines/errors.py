"""What goes wrong with a private engine, in words that say what to do about it."""

from __future__ import annotations


class EngineSetupError(RuntimeError):
    """An engine could not be fetched, started, found or stopped."""
