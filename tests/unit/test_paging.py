"""Pages of lists."""

import pytest

from monotron.services import paging
from monotron.services.paging import page_of, visible_rows


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


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_invisible_rows_are_omitted_and_do_not_shorten_a_page(
    limit: int, batch_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "BATCH_ROWS", batch_rows)
    stored = list(range(1, 31))
    visible = [1, 2, 9, 20, 21, 29]

    def read(after: int, count: int) -> list[int]:
        assert count <= max(batch_rows, limit + 1)
        return [row for row in stored if row > after][:count]

    listed: list[list[int]] = []
    after: int | None = 0
    while after is not None:
        rows = visible_rows(read, after, lambda row: row, visible.__contains__)
        page, after = page_of(rows, limit, lambda row: row)
        listed.append(page)
    assert [row for page in listed for row in page] == visible
    assert all(len(page) == limit for page in listed[:-1])
