"""Pages of lists."""

import pytest

from monotron.services.paging import page_of


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, ([10], 10)),
        (2, ([10, 20], 20)),
        (3, ([10, 20, 30], None)),
        (4, ([10, 20, 30], None)),
    ],
)
def test_a_page_has_a_cursor_if_another_page_follows(
    limit: int, expected: tuple[list[int], int | None]
) -> None:
    assert page_of(lambda count: [10, 20, 30][:count], limit, lambda row: row) == expected


def test_an_empty_list_is_one_empty_page() -> None:
    assert page_of(lambda _: [], 5, lambda row: row) == ([], None)


def test_a_page_reads_one_row_more_than_its_limit() -> None:
    limits: list[int] = []

    def read(limit: int) -> list[int]:
        limits.append(limit)
        return []

    page_of(read, 5, lambda row: row)
    assert limits == [6]
