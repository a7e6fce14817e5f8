"""Recovery codes: each replaces a code of the authenticator app once, where that is lost."""

from __future__ import annotations

import secrets

COUNT = 10
# Without 0, o, 1, i and l, which look alike: 31 characters, so that 16 of them are 79 random bits.
_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 4


def new_codes() -> list[str]:
    """Return new codes, such as "k7mp-2xqd-9abn-f4tz"."""
    return [_new_code() for _ in range(COUNT)]


def canonical(code: str) -> str:
    """Return a code as it was made, however it was typed: with other blanks, dashes or capital letters."""
    typed = "".join(character for character in code[:100].lower() if character in _CHARACTERS)
    return "-".join(typed[at : at + _GROUP_LENGTH] for at in range(0, len(typed), _GROUP_LENGTH))


def _new_code() -> str:
    letters = [secrets.choice(_CHARACTERS) for _ in range(_GROUPS * _GROUP_LENGTH)]
    return canonical("".join(letters))
