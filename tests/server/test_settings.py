import ipaddress
import re
from pathlib import Path

import pytest

from tokenward.errors import ConfigurationError
from tokenward.server.settings import Settings, load_settings, settings_reference
from tokenward.server.settings.declaration import declared_settings
from tokenward.server.settings.origins import origin_of

ISSUER = "https://auth.example.com"
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing is bound here


def load(
    variables: dict[str, str] | None = None,
    flags: dict[str, object] | None = None,
    *,
    config: Path | None = None,
    issuer: str = ISSUER,
    serving: bool = True,
) -> Settings:
    environment = {"PATH": "/bin", "TOKENWARD_ISSUER": issuer, **(variables or {})}
    return load_settings(environment=environment, flags=flags, config=config, serving=serving)


def refused(
    variables: dict[str, str] | None = None,
    flags: dict[str, object] | None = None,
    *,
    config: Path | None = None,
) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(variables, flags, config=config)
    return caught.value.description


def toml_file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_issuer_is_all_that_must_be_set() -> None:
    settings = load()
    assert (settings.issuer, settings.audience) == (ISSUER, ISSUER)
    assert (settings.host, settings.port, settings.registration) == ("127.0.0.1", 8080, "closed")
    assert (settings.access_token_algorithm, settings.access_token_seconds) == ("ES256", 900)
    assert (settings.password_min_length, settings.audit_retention_days) == (15, 400)


def test_without_an_issuer_a_server_does_not_start_and_a_command_runs() -> None:
    with pytest.raises(ConfigurationError, match=r"issuer .* must be set"):
        load_settings(environment={})
    assert load_settings(environment={}, serving=False).issuer == ""


def test_dev_sets_the_issuer_and_opens_registration() -> None:
    settings = load_settings(environment={}, flags={"dev": True, "port": 9090})
    assert (settings.issuer, settings.audience) == ("http://127.0.0.1:9090", "http://127.0.0.1:9090")
    assert settings.registration == "open"
    assert load({"TOKENWARD_DEV": "true", "TOKENWARD_REGISTRATION": "closed"}).registration == "closed"


def test_a_port_that_the_system_chose_stands_in_the_issuer_of_dev() -> None:
    settings = load_settings(environment={}, flags={"dev": True, "port": 0}).listening_on(40001)
    assert (settings.port, settings.issuer, settings.audience) == (40001, *["http://127.0.0.1:40001"] * 2)
    assert load({"TOKENWARD_PORT": "0"}).listening_on(40001).issuer == ISSUER


def test_a_flag_wins_over_a_variable_over_a_file_over_the_default(tmp_path: Path) -> None:
    path = toml_file(tmp_path, "port = 1001\nkeep_alive_seconds = 11\nslow_request_ms = 12\n")
    variables = {"TOKENWARD_PORT": "1002", "TOKENWARD_KEEP_ALIVE_SECONDS": "22"}
    settings = load(variables, {"port": 1003, "host": None}, config=path)
    assert (settings.port, settings.keep_alive_seconds, settings.slow_request_ms) == (1003, 22, 12)
    assert (settings.host, settings.max_body_bytes) == ("127.0.0.1", 65536)


def test_a_file_is_found_by_flag_by_variable_and_in_the_data_folder(tmp_path: Path) -> None:
    path = toml_file(tmp_path, "port = 1001\n")
    assert load(config=path).port == 1001
    assert load({"TOKENWARD_CONFIG": str(path)}).port == 1001
    (tmp_path / "tokenward.toml").write_text("port = 1002\n", encoding="utf-8")
    assert load({"TOKENWARD_DATA": str(tmp_path)}).port == 1002
    assert load({}, {"data": tmp_path}).port == 1002
    assert load({"TOKENWARD_DATA": str(tmp_path)}, config=path).port == 1001


def test_a_file_in_the_data_folder_cannot_say_where_the_data_folder_is(tmp_path: Path) -> None:
    (tmp_path / "tokenward.toml").write_text('data = "/elsewhere"\n', encoding="utf-8")
    assert "data" in refused({"TOKENWARD_DATA": str(tmp_path)})


def test_every_kind_of_value_is_read_from_a_file(tmp_path: Path) -> None:
    text = """
        audience = "https://api.example.com"
        trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
        access_log = true
        access_token_algorithm = "RS256"
        master_key_file = "/etc/key"
    """
    settings = load(config=toml_file(tmp_path, text))
    assert settings.audience == "https://api.example.com"
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert settings.access_log is True
    assert settings.access_token_algorithm == "RS256"
    assert settings.master_key_file == Path("/etc/key")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("Yes", True), ("off", False), ("0", False)]
)
def test_booleans_are_read_from_variables(text: str, value: bool) -> None:
    assert load({"TOKENWARD_ACCESS_LOG": text}).access_log is value


def test_lists_are_read_from_variables_with_commas() -> None:
    proxies = load({"TOKENWARD_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1"}).trusted_proxies
    assert proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("192.0.2.1/32"))


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"TOKENWARD_PORT": "", "TOKENWARD_AUDIENCE": ""}) == load()


def test_an_audience_has_a_length_that_fits_into_a_token() -> None:
    assert "at most 255 characters" in refused({"TOKENWARD_AUDIENCE": "a" * 256})
    assert load({"TOKENWARD_AUDIENCE": "a" * 255}).audience == "a" * 255


def test_the_old_name_of_ed25519_is_understood() -> None:
    assert load({"TOKENWARD_ACCESS_TOKEN_ALGORITHM": "EdDSA"}).access_token_algorithm == "Ed25519"


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("port", "http", 'a whole number from 0 to 65535, and is "http"'),
        ("port", "65536", "from 0 to 65535"),
        ("port", "-1", "from 0 to 65535"),
        ("port", "８０８０", "from 0 to 65535"),
        ("port", "1e3", "from 0 to 65535"),
        ("access_token_seconds", "59", "a whole number of seconds from 60 to 3600"),
        ("access_token_seconds", "3601", "from 60 to 3600"),
        ("refresh_retry_seconds", "301", "from 0 to 300"),
        ("password_min_length", "7", "from 8 to 64"),
        ("key_rotation_seconds", "0", "from 1 to"),
        ("clock_skew_seconds", "-1", "from 0 to 300"),
        ("access_token_algorithm", "none", "one of ES256, RS256, HS256, Ed25519"),
        ("access_token_algorithm", "es256", "one of ES256"),
        ("registration", "maybe", "one of open, closed"),
        ("access_log", "perhaps", "true or false"),
        ("trusted_proxies", "proxy.example.com", "a list of networks"),
        ("trusted_proxies", "10.0.0.5/8", "10.0.0.5/8 is an address inside 10.0.0.0/8"),
        ("trusted_proxies", "0.0.0.0/0", "not every address"),
        ("trusted_proxies", "*", "a list of networks"),
        ("audience", "a\nb", "text on one line"),
        ("host", "[::1]", "IPv6 without brackets"),
        ("host", "not a host", "an IP address"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_its_source_and_what_to_write(
    name: str, value: str, must: str
) -> None:
    variable = f"TOKENWARD_{name.upper()}"
    description = refused({variable: value})
    assert description.startswith(f"{name} (in the variable {variable}) must ")
    assert must in description
    if name != "audience":
        assert f"Write for example: {variable}=" in description


def test_what_an_error_says_to_write_is_accepted() -> None:
    for name, wrong in (
        ("port", "x"),
        ("trusted_proxies", "10.0.0.5/8"),
        ("access_token_algorithm", "x"),
        ("dev", "x"),
    ):
        advice = refused({f"TOKENWARD_{name.upper()}": wrong}).partition("Write for example: ")[2]
        variable, _, value = advice.partition("=")
        load({variable: value})


@pytest.mark.parametrize(
    ("line", "must"),
    [
        ('port = "80"', None),
        ("port = true", "a whole number"),
        ("port = 80.0", "a whole number"),
        ("access_log = 1", "true or false"),
        ("trusted_proxies = [10]", "each written as text"),
        ("trusted_proxies = 10", "a list of networks"),
        ("host = 5", "text on one line"),
        ("data = []", "the path"),
    ],
)
def test_a_wrong_type_in_a_file_is_refused_with_the_name_of_the_file(
    tmp_path: Path, line: str, must: str | None
) -> None:
    path = toml_file(tmp_path, line)
    if must is None:
        assert load(config=path).port == 80
        return
    description = refused(config=path)
    assert must in description
    assert f"in the file {path}" in description


def test_a_wrong_flag_is_refused_by_its_name() -> None:
    description = refused(flags={"port": 70000})
    assert "in the flag --port" in description
    assert "Write for example: --port 8080" in description


def test_unknown_names_are_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    assert "Did you mean TOKENWARD_PORT?" in refused({"TOKENWARD_PROT": "80"})
    assert "Did you mean TOKENWARD_PORT?" in refused({"TOKENWARD_port": "80"})
    assert "Did you mean access_token_seconds?" in refused(
        config=toml_file(tmp_path, "acces_token_second = 5")
    )
    assert "the table 'server'" in refused(config=toml_file(tmp_path, "[server]\nport = 5"))
    assert "reference of settings" in refused({"TOKENWARD_QQQQ": "80"})
    assert "Did you mean host?" in refused(flags={"hots": "x"})


def test_variables_of_the_tests_and_of_rewrapping_are_no_settings() -> None:
    assert load({"TOKENWARD_REQUIRE_ALL": "1"}) == load()


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    assert "cannot be read" in refused(config=tmp_path / "missing.toml")
    assert "cannot be read" in refused(config=tmp_path)
    assert "is not TOML" in refused(config=toml_file(tmp_path, "port: 80"))
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in refused(config=tmp_path / "settings.toml")


@pytest.mark.parametrize(
    "issuer",
    ["https://a.example", "https://a.example/", "https://a.example:8443/realms/One", "https://[2001:db8::1]"],
)
def test_an_issuer_is_kept_byte_by_byte(issuer: str) -> None:
    assert load(issuer=issuer).issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "http://auth.example.com",
        "http://127.0.0.1:8080",
        "auth.example.com",
        "https://",
        "https:///path",
        "ftp://auth.example.com",
        "HTTPS://auth.example.com",
        "https://auth.example.com?x=1",
        "https://auth.example.com?",
        "https://auth.example.com#x",
        "https://auth.example.com#",
        "https://user@auth.example.com",
        "https://auth.example.com:port",
        "https://auth.example.com:99999",
        "https://auth example.com",
        "https://äuth.example.com",
        "https://auth.example.com/\t",
        "https://[::1",
        "https://" + "a" * 300,
    ],
)
def test_what_is_no_https_url_is_no_issuer(issuer: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^issuer \(in the variable TOKENWARD_ISSUER\) must"):
        load(issuer=issuer)


def test_dev_allows_a_plain_issuer_on_loopback_only() -> None:
    for issuer in (
        "http://localhost:9000",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "https://a.example",
    ):
        assert load({"TOKENWARD_DEV": "1"}, issuer=issuer).issuer == issuer
    with pytest.raises(ConfigurationError, match="loopback"):
        load({"TOKENWARD_DEV": "1"}, issuer="http://auth.example.com")


def test_a_plain_listener_that_others_reach_needs_a_named_proxy() -> None:
    description = refused({"TOKENWARD_HOST": ANY_ADDRESS})
    assert description.startswith("host (in the variable TOKENWARD_HOST) must be on loopback")
    assert "trusted_proxies" in description
    assert (
        load({"TOKENWARD_HOST": ANY_ADDRESS, "TOKENWARD_TRUSTED_PROXIES": "10.0.0.0/8"}).host == ANY_ADDRESS
    )
    assert load({"TOKENWARD_HOST": ANY_ADDRESS}, serving=False).host == ANY_ADDRESS
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert load({"TOKENWARD_HOST": host}).host == host


def test_dev_listens_on_loopback_whatever_proxies_there_are() -> None:
    variables = {
        "TOKENWARD_HOST": ANY_ADDRESS,
        "TOKENWARD_TRUSTED_PROXIES": "10.0.0.0/8",
        "TOKENWARD_DEV": "1",
    }
    assert "loopback under dev" in refused(variables)


def test_everybody_may_be_allowed_to_read_metrics_and_nobody_may_trust_every_proxy() -> None:
    everybody = ipaddress.ip_network("0.0.0.0/0")
    assert load({"TOKENWARD_METRICS_NETWORKS": "0.0.0.0/0"}).metrics_networks == (everybody,)
    assert "not every address" in refused({"TOKENWARD_TRUSTED_PROXIES": "::/0"})


def test_lengths_that_do_not_fit_together_are_refused() -> None:
    assert "refresh_absolute_seconds" in refused({"TOKENWARD_REFRESH_IDLE_SECONDS": "7776001"})
    short = {"TOKENWARD_REFRESH_IDLE_SECONDS": "60", "TOKENWARD_REFRESH_RETRY_SECONDS": "61"}
    assert "refresh_idle_seconds, which is 60" in refused(short)


def test_a_master_key_comes_from_one_place() -> None:
    both = {"TOKENWARD_MASTER_KEY_FILE": "/etc/key", "TOKENWARD_MASTER_KEY_COMMAND": "vault read"}
    assert "together with master_key_file" in refused(both)


def test_a_secret_is_never_shown_and_never_read_from_a_file(tmp_path: Path) -> None:
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"
    settings = load({"TOKENWARD_MASTER_KEY": secret})
    assert settings.master_key == secret
    assert secret not in repr(settings)
    assert secret not in str(settings)
    assert secret not in str(settings.__rich_repr__())
    assert "master_key=***" in repr(settings)
    description = refused(config=toml_file(tmp_path, f'master_key = "{secret}"'))
    assert secret not in description
    assert "TOKENWARD_MASTER_KEY" in description
    with pytest.raises(ConfigurationError) as caught:
        load({"TOKENWARD_MASTER_KEY": secret + "\x07"})
    assert secret not in caught.value.description
    assert secret not in repr(caught.value)


def test_every_setting_is_declared_once_with_all_that_the_reference_needs() -> None:
    declared = declared_settings()
    assert [setting.name for setting in declared] == list(Settings.__struct_fields__)
    defaults = Settings()
    for name, type_, about in declared:
        assert about.text.endswith("."), name
        if type_ is int:
            assert about.least <= getattr(defaults, name) <= about.most, name
            assert about.unit or not name.endswith(("_seconds", "_bytes", "_days", "_ms", "_kib")), name


def test_the_defaults_are_accepted_when_they_are_written_out(tmp_path: Path) -> None:
    lines = []
    for line in settings_reference().splitlines():
        row = re.match(r"\| `(\w+)` \| [^|]* \| `([^`]+)` \|", line)
        if row:
            lines.append(f"{row[1]} = {row[2]}")
    assert len(lines) > 30
    assert load(config=toml_file(tmp_path, "\n".join(lines))) == load()


def test_the_reference_names_every_setting_and_its_bounds() -> None:
    reference = settings_reference()
    for name, _, about in declared_settings():
        assert f"| `{name}` |" in reference
        assert about.text in reference
    assert "a whole number of seconds from 60 to 3600" in reference
    assert "\n\n\n" not in reference
    assert reference.endswith("|\n")


# Origins of pages.


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://app.example.com:8443",
        "https://192.0.2.1",
        "https://[2001:db8::1]:444",
    ],
)
def test_origins_of_pages_are_kept_as_written(origin: str, tmp_path: Path) -> None:
    two = "https://two.example"
    assert load().browser_origins == ()
    assert load({"TOKENWARD_BROWSER_ORIGINS": f"{origin}, {two}"}).browser_origins == (origin, two)
    config = toml_file(tmp_path, f'browser_origins = ["{origin}"]')
    assert load(config=config).browser_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://App.example.com",
        "https://app.example.com:443",
        "https://app.example.com:0",
        "https://app.example.com:65536",
        "https://app.example.com:",
        "https://*.example.com",
        "https://user@app.example.com",
        "https://app.example.com?",
        "https://app.example.com#",
        "https://[2001:DB8::1]",
        "https://[2001:db8:0:0::1]",
        "https://[x]",
        "https://exämple.com",
        "https://" + "a" * 300,
        "ftp://app.example.com",
        "https://app .example.com",
        "https://app.example.com\n",
    ],
)
def test_what_is_no_origin_as_browsers_write_it_is_refused(origin: str) -> None:
    text = refused(flags={"browser_origins": (origin,)})
    assert "browser_origins (in the flag --browser-origins) must list origins as browsers write them" in text
    assert repr(origin[:60])[1:-1].replace("ä", "\\xe4") in text


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:3000", "http://localhost:3000", "http://[::1]:3000", "http://app.localhost"]
)
def test_plain_http_pages_are_for_loopback_under_dev(origin: str) -> None:
    variables = {"TOKENWARD_BROWSER_ORIGINS": origin}
    assert "must list https origins" in refused(variables)
    assert load_settings(environment=variables, flags={"dev": True}).browser_origins == (origin,)
    for other in ("http://app.example.com", "http://10.0.0.1:3000", "http://localhost.example.com"):
        with pytest.raises(ConfigurationError, match="must list https origins"):
            load_settings(environment={"TOKENWARD_BROWSER_ORIGINS": other}, flags={"dev": True})


@pytest.mark.parametrize("value", [1, True, [1], {"a": "b"}])
def test_a_list_of_texts_holds_texts(value: object) -> None:
    assert "be a list of texts" in refused(flags={"browser_origins": value})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://auth.example.com", "https://auth.example.com"),
        ("https://Auth.Example.com:443/sso", "https://auth.example.com"),
        ("https://auth.example.com:8443/", "https://auth.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_origin_of_the_issuer_is_what_a_browser_makes_of_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin
