"""What can go wrong between a rule document and the kernel."""

from __future__ import annotations


class FirewallError(Exception):
    """The ruleset could not be read or written; what was in force still is.

    :ivar message: one sentence
    :ivar details: what the kernel, nft or the file system said
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(f"{message}: {details}" if details else message)
        self.message = message
        self.details = details


class NamespaceError(FirewallError):
    """The network namespace of the amphora does not exist or cannot be entered."""


class DocumentError(ValueError):
    """A rule document that is refused.

    :ivar path: where in the document, its keys and indexes joined by slashes
    :ivar reason: what is wrong there
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path or 'document'}: {reason}")
        self.path = path
        self.reason = reason
