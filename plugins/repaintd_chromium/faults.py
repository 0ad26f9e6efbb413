"""What can end a drawing before its time, inside this plugin.

Lost            something under the drawing died or went astray
StartFailed     a browser could not be started

Neither leaves the plugin: callers see `RenderFailed` and `PluginError`.
"""

from __future__ import annotations


class Lost(Exception):
    """The page or the browser under a drawing is gone.

    Attributes:
        reason: the word that `RenderFailed` gets when the drawing is given up.
        again: whether a second try, in a fresh page, makes sense.
    """

    def __init__(self, message: str, *, reason: str, again: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.again = again


class StartFailed(Exception):
    """A browser could not be started; the message says why and what to do.

    Attributes:
        unlocked: it would have run, but not locked in.
    """

    def __init__(self, message: str, *, unlocked: bool = False) -> None:
        super().__init__(message)
        self.unlocked = unlocked


def first_line(error: BaseException) -> str:
    """The first line of an error's text: Playwright appends whole browser logs."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
