"""Unknown paths, and request targets in other forms."""

from __future__ import annotations

import pytest

from support.raw_requests import WRITES, Problem, Send, SeriesProbe, http


@pytest.mark.parametrize(
    "target",
    [
        b"/v2",
        b"/v1/none",
        b"/v1/none/<key>/T",
        b"/v1/series/<key>/T/U",
        b"/v1/series/<key>/T/",
        b"/v1/series/org/<key>/T",
        b"/v1/entries/<key>/T",
        b"/V1/series/<key>/T",
        b"/v1/Series/<key>/T",
        b"//v1/series/<key>/T",
        b"/v1//series/<key>/T",
        b"/v1/../v1/series/<key>/T",
        b"/./v1/series/<key>/T",
        b"/v1/series%2f<key>/T",
        b"/x/v1/series/<key>/T",
        b"/livez/<key>",
        b"/favicon.png",
        b"/static/../../../etc/passwd",
        b"/index.html",
    ],
    ids=bytes.decode,
)
def test_an_unknown_path_is_not_found(
    series: SeriesProbe, send: Send, problem: Problem, target: bytes
) -> None:
    for method in (b"GET", b"PUT", b"DELETE", b"POST"):
        response = send(http(method, series.insert_key(target)))
        problem(response, 404, "not_found", applied="no" if method in WRITES else None)
    series.assert_untouched()


@pytest.mark.parametrize(
    "target",
    [
        b"http://127.0.0.1/v1/series/<key>/T",
        b"http://evil.example/v1/series/<key>/T",
        b"v1/series/<key>/T",
        b"*",
        b"127.0.0.1:80",
        b"\\v1\\series\\<key>\\T",
    ],
    ids=bytes.decode,
)
def test_a_target_in_another_form_changes_nothing(
    series: SeriesProbe, send: Send, target: bytes
) -> None:
    for method in (b"GET", b"PUT", b"CONNECT", b"OPTIONS"):
        response = send(http(method, series.insert_key(target)))
        assert response is not None
        assert response.status in (400, 404, 405)
    series.assert_untouched()
