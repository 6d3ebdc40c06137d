"""What a store promises of the uses of identity tokens, so that one cannot be used for more."""

from abc import ABC, abstractmethod


class Uses(ABC):
    """Which operations each identity token was used for, until a while after it has expired."""

    @abstractmethod
    def use(self, token: str, operation: str, *, most: int, expires_at: int) -> bool:
        """Let the token be used for the operation, or again; false if it has *most* others.

        Atomic and durable. *token* and *operation* are names of at most 64 characters, and
        *expires_at*, in seconds since the epoch, is when the token may be forgotten.
        """
