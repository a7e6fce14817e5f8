"""The condition for rows of several meetings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, false, or_

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Table


def of_meetings(
    table: Table, keys: Iterable[tuple[str, int]], *conditions: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return the condition for a table's rows of these meetings, given as account id and number, that meet all `conditions`.

    Account by account: SQLite would scan the whole table for pairs of values, or all that meets the conditions.
    """
    numbers: dict[str, list[int]] = {}
    for account_id, number in keys:
        numbers.setdefault(account_id, []).append(number)
    return or_(
        false(),
        *(
            and_(table.c.account_id == account_id, table.c.number.in_(of_account), *conditions)
            for account_id, of_account in numbers.items()
        ),
    )
