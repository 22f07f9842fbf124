from __future__ import annotations

import pytest

from riskclf.casework.sites import site_of


@pytest.mark.parametrize(
    "reference, site",
    [
        ("https://example.org/42", "example.org"),
        (" https://somebody:secret@WWW.Example.org:8080/42 ", "example.org"),
        ("http://somebody.example.co.jp/2026", "example.co.jp"),
        ("https://example.jp.", "example.jp"),
        ("https://co.jp/1", "co.jp"),
        ("https://192.0.2.1/42", None),
        ("http://[2001:db8::1]/42", None),
        ("http://[oops/42", None),
        ("https://localhost/42", None),
        ("ftp://example.org/42", None),
        ("42", None),
        ("", None),
    ],
)
def test_of_an_address_only_the_registered_name_is_kept(reference: str, site: str | None) -> None:
    assert site_of(reference) == site
