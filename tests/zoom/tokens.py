"""A store of tokens for tests, in the memory of one process."""

from core.zoom.oauth import Token


class MemoryTokenStore:
    """Store an account's token in memory."""

    def __init__(self) -> None:
        self._token: Token | None = None

    def load(self) -> Token | None:
        return self._token

    def save(self, token: Token) -> None:
        self._token = token
