"""The keys that end a session from inside, which no session is to have: engines always look for some.

They hold the first key back until they see what comes behind it, and what looks like the keys' beginning too. So the
first is a byte that is hardly ever the last for a while: on a terminal NUL, which sets a mark where it does anything,
and not Ctrl-P, which repeats commands; without one, where single NULs are common, it is the separator of files. The
others are by chance, so that no data has them all; but the second, since Docker doubles it when it is typed by itself
behind the first, is one that hardly any program knows.
"""

import secrets
import string

_LENGTH = 16
_SECOND = "ctrl-^"


def detach_keys(*, tty: bool) -> str:
    """Choose keys for a session, in Docker's words."""
    rest = (f"ctrl-{secrets.choice(string.ascii_lowercase)}" for _ in range(_LENGTH))
    return ",".join(("ctrl-@" if tty else "ctrl-\\", _SECOND, *rest))
