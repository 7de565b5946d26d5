from __future__ import annotations

import pytest
from dvc.config import Config

from dvc_magic.errors import PipelineError
from dvc_magic.pipeline import open_secrets, project_cache, project_cache_types, run_config, with_cache

REMOTES = """\
    remote = store
[parsing]
    bool = boolean_optional
['remote "store"']
    url = ../../elsewhere
['remote "bucket"']
    url = s3://bucket/path
    endpointurl = http://me:SECRETMINIO@localhost:9000
    access_key_id = SECRETID
    secret_access_key = SECRETKEY
    session_token = SECRETTOKEN
    sse_customer_key = SECRETSSE
['remote "web"']
    url = https://user:SECRETPW@host/data?sig=SECRETSIG
    password = SECRETPW2
    custom_auth_header = SECRETHEADER
['remote "ssh"']
    url = ssh://git:SECRETSSH@host:22/data
    keyfile = /home/me/SECRETFILE
['remote "blob"']
    url = azure://container/path
    connection_string = "AccountKey=SECRETBLOB;x"
['remote "careless"']
    url = "https://user:SECRETA#SECRETB/SECRETC@host/data"
[db "d"]
    password = SECRETDB
"""


def _loaded(text, tmp_path):
    (tmp_path / "run/.dvc").mkdir(parents=True)
    (tmp_path / "run/.dvc/config.local").write_text(text)
    return Config(str(tmp_path / "run/.dvc"))


def test_no_secret_of_the_project_reaches_a_run(make_reader):
    reader = make_reader({".dvc/config.local": "['remote \"web\"']\n    password = SECRETLOCAL\n"}, config=REMOTES)
    assert "SECRET" not in run_config(reader)


def test_remotes_are_those_of_the_committed_config_with_absolute_urls(make_reader, tmp_path):
    reader = make_reader({".dvc/config.local": "['remote \"mine\"']\n    url = /tmp/mine\n"}, config=REMOTES)
    config = _loaded(with_cache(run_config(reader), "../cache"), tmp_path)
    assert {name: remote["url"] for name, remote in config["remote"].items()} == {
        "store": str(tmp_path / "elsewhere"),
        "bucket": "s3://bucket/path",
        "web": "https://host/data",
        "ssh": "ssh://git@host:22/data",
        "blob": "azure://container/path",
        "careless": "https://host/data",
    }
    assert config["core"]["remote"] == "store"
    assert config["remote"]["bucket"]["endpointurl"] == "http://localhost:9000"


def test_a_run_has_its_own_cache_and_no_git(make_reader, tmp_path):
    config = _loaded(with_cache(run_config(make_reader({}, config=REMOTES)), "../../cache"), tmp_path)
    assert config["cache"]["dir"] == str(tmp_path / "cache")
    assert config["cache"]["type"] == ["reflink", "hardlink", "copy"]
    assert (config["core"]["no_scm"], config["core"]["analytics"]) == (True, False)
    assert config["parsing"] == {"bool": "boolean_optional"}


def test_a_project_without_config_has_its_template_read(make_reader, tmp_path):
    reader = make_reader({"dvc.config.in": "[core]\n    remote = r\n['remote \"r\"']\n    url = ../data\n"})
    (tmp_path / "project/.dvc/config").unlink()
    config = _loaded(with_cache(run_config(reader), "../cache"), tmp_path)
    assert config["remote"]["r"]["url"] == str(tmp_path / "project/data")
    assert config["core"]["remote"] == "r"


def test_odd_text_in_a_url_is_quoted(make_reader, tmp_path):
    reader = make_reader({}, config="['remote \"r\"']\n    url = '/a b/#c, \"d\"'\n")
    assert _loaded(with_cache(run_config(reader), "../cache"), tmp_path)["remote"]["r"]["url"] == '/a b/#c, "d"'


def test_cache_types_are_the_projects_own_or_nothing(make_reader):
    assert project_cache_types(make_reader({})) is None
    assert project_cache_types(make_reader({}, config="[cache]\n    type = hardlink,copy\n")) == ("hardlink", "copy")


def test_a_broken_config_is_named(make_reader):
    with pytest.raises(PipelineError, match=r"\.dvc/config"):
        run_config(make_reader({}, config="[nonsense]\n    a = b\n"))


def test_credentials_that_others_may_read_are_named_and_not_shown(make_reader, tmp_path):
    text = (
        "[core]\n"
        + REMOTES
        + "['remote \"plain\"']\n    url = ssh://host/data\n    user = ada\n    keyfile = /home/ada/.ssh/id\n"
    )
    reader = make_reader({".dvc/config.local": text}, config="['remote \"ssh\"']\n    url = ssh://host/data\n")
    file = tmp_path / "project/.dvc/config.local"
    file.chmod(0o644)
    assert open_secrets(reader) == (
        "remote.bucket.endpointurl",
        "remote.bucket.access_key_id",
        "remote.bucket.secret_access_key",
        "remote.bucket.session_token",
        "remote.bucket.sse_customer_key",
        "remote.web.url",
        "remote.web.password",
        "remote.web.custom_auth_header",
        "remote.ssh.url",
        "remote.blob.connection_string",
        "remote.careless.url",
        "db.d.password",
    )
    file.chmod(0o600)
    assert open_secrets(reader) == ()


def test_a_project_without_local_configuration_has_no_open_credentials(make_reader):
    assert open_secrets(make_reader({}, config=REMOTES)) == ()


def test_the_projects_cache_is_where_its_configuration_says(make_reader, tmp_path):
    assert project_cache(make_reader({})) == tmp_path / "project/.dvc/cache"
    assert project_cache(make_reader({}, config="[cache]\n    dir = ../../elsewhere\n")) == tmp_path / "elsewhere"
