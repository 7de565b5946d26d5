from __future__ import annotations

import pytest

from dvc_magic.pipeline.urls import bare_url, scrubbed


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://ada:pw@example.com:8080/data?token=t#x", "https://example.com:8080/data"),
        ("ssh://ada:pw@host/data", "ssh://ada@host/data"),
        ("s3://bucket/data", "s3://bucket/data"),
        ("/srv/data?no=query", "/srv/data?no=query"),
        ("git@host:ada/data.git", "git@host:ada/data.git"),
    ],
)
def test_an_address_loses_what_must_not_be_shown(url, bare):
    assert bare_url(url) == bare


def test_secrets_and_credentials_of_urls_are_hidden_in_a_text():
    text = "GET 'https://ada:pw@example.com/x?sig=1' failed with key hunter22, try hunter22x"
    assert scrubbed(text, ["hunter22", "e"]) == "GET 'https://example.com/x' failed with key ***, try ***x"
