"""Settings: every variable, its default, and one line that names it when it is wrong."""

from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import SettingError
from app.settings import AccountSettings, Settings, read_settings

SECRET = "the-secret-that-nobody-may-see"
CREDENTIAL = {"CLB_BROKER_TENCENT_SECRET_ID": "AKID1", "CLB_BROKER_TENCENT_SECRET_KEY": SECRET}


def read(**named: str) -> Settings:
    """The settings from variables named without the prefix."""
    return read_settings({f"CLB_BROKER_{name}": value for name, value in named.items()})


def wrong(environment: dict[str, str]) -> str:
    """What is said of wrong settings: one line, and never a secret."""
    with pytest.raises(SettingError) as raised:
        read_settings(environment)
    text = str(raised.value)
    assert "\n" not in text
    assert SECRET not in text
    return text


def test_everything_has_a_default() -> None:
    assert read_settings({}) == Settings(
        database_url=None,
        data_dir=Path("data"),
        listen="127.0.0.1:8080",
        worker_listen=None,
        worker_part="all",
        api_processes=1,
        api_threads=16,
        admin_token=None,
        accounts={},
        drain_seconds=30,
        lease_seconds=15,
        sweep_seconds=60,
        reverify_seconds=60,
        topology_seconds=60,
        health_seconds=10,
        silent_seconds=300,
        cloud_timeout_seconds=15,
        requests_per_second=1000,
        events_per_second=20_000,
        people=(),
        keys_seconds=300,
        keys_ca_file=None,
        seal_key_file=None,
        checkpoint_seconds=300,
        checkpoint_dir=None,
        history_months=0,
    )


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("DATABASE_URL", "postgresql://u:p@host:5432/db", "database_url", "postgresql://u:p@host:5432/db"),
        ("DATABASE_URL", "postgres://host/db", "database_url", "postgres://host/db"),
        ("DATABASE_URL", "postgresql:///db?host=/run/pg", "database_url", "postgresql:///db?host=/run/pg"),
        ("DATA_DIR", "/var/lib/broker", "data_dir", Path("/var/lib/broker")),
        ("LISTEN", "0.0.0.0:80", "listen", "0.0.0.0:80"),
        ("LISTEN", "[::1]:8080", "listen", "[::1]:8080"),
        ("LISTEN", "127.0.0.1:0", "listen", "127.0.0.1:0"),
        ("WORKER_LISTEN", "127.0.0.1:9090", "worker_listen", "127.0.0.1:9090"),
        ("WORKER_LISTEN", "", "worker_listen", None),
        ("WORKER_PART", "passes", "worker_part", "passes"),
        ("WORKER_PART", "all-but-passes", "worker_part", "all-but-passes"),
        ("KEYS_SECONDS", "7", "keys_seconds", 7),
        ("REQUESTS_PER_SECOND", "0", "requests_per_second", 0),
        ("EVENTS_PER_SECOND", "5", "events_per_second", 5),
        ("KEYS_CA_FILE", __file__, "keys_ca_file", __file__),
        ("SEAL_KEY_FILE", __file__, "seal_key_file", __file__),
        ("CHECKPOINT_SECONDS", "60", "checkpoint_seconds", 60),
        ("CHECKPOINT_DIR", "/mnt/checkpoints", "checkpoint_dir", Path("/mnt/checkpoints")),
        ("HISTORY_MONTHS", "24", "history_months", 24),
        ("API_PROCESSES", "4", "api_processes", 4),
        ("API_THREADS", "32", "api_threads", 32),
        ("ADMIN_TOKEN", "token", "admin_token", "token"),
        ("DRAIN_SECONDS", "0", "drain_seconds", 0),
        ("LEASE_SECONDS", "5", "lease_seconds", 5),
        ("SWEEP_SECONDS", "600", "sweep_seconds", 600),
        ("REVERIFY_SECONDS", "30", "reverify_seconds", 30),
        ("TOPOLOGY_SECONDS", "120", "topology_seconds", 120),
        ("HEALTH_SECONDS", "5", "health_seconds", 5),
        ("SILENT_SECONDS", "600", "silent_seconds", 600),
        ("CLOUD_TIMEOUT_SECONDS", "30", "cloud_timeout_seconds", 30),
    ],
)
def test_every_variable_is_read(name: str, value: str, field: str, expected: Any) -> None:
    assert getattr(read(**{name: value}), field) == expected


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    names = ("DATABASE_URL", "LISTEN", "DRAIN_SECONDS", "ADMIN_TOKEN", "ADMIN_TOKEN_FILE", "ACCOUNTS_FILE")
    assert read(**dict.fromkeys(names, "")) == read_settings({})


def test_the_process_s_own_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLB_BROKER_DRAIN_SECONDS", "77")
    monkeypatch.setenv("DRAIN_SECONDS", "88")
    assert read_settings().drain_seconds == 77


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DRAIN_SECONDS", "soon"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "3601"),
        ("DRAIN_SECONDS", "1.5"),
        ("LEASE_SECONDS", "0"),
        ("SWEEP_SECONDS", "0"),
        ("TOPOLOGY_SECONDS", "0"),
        ("REVERIFY_SECONDS", "1e3"),
        ("HEALTH_SECONDS", "-5"),
        ("SILENT_SECONDS", "0"),
        ("CLOUD_TIMEOUT_SECONDS", "121"),
        ("CALLS_PER_SECOND", "0"),
        ("CALLS_PER_SECOND", "1001"),
        ("API_PROCESSES", "0"),
        ("API_THREADS", "many"),
        ("LISTEN", "8080"),
        ("LISTEN", ":8080"),
        ("LISTEN", "host"),
        ("LISTEN", "host:port"),
        ("LISTEN", "host:65536"),
        ("LISTEN", "host:8080\nx"),
        ("WORKER_LISTEN", "9090"),
        ("WORKER_PART", "half"),
        ("WORKER_PART", "passes,all-but-passes"),
        ("WORKER_LISTEN", "host:65536"),
        ("DATABASE_URL", "mysql://host/db"),
        ("DATABASE_URL", "host/db"),
        ("DATABASE_URL", "postgresql://host:port/db"),
        ("DATABASE_URL", "postgresql://[::1/db"),
        ("TENCENT_ENDPOINT", "127.0.0.1:9900"),
        ("TENCENT_ENDPOINT", "http://[::1"),
        ("TENCENT_ENDPOINT", "http://127.0.0.1:0"),
        ("TENCENT_ENDPOINT", "http://"),
        ("TENCENT_ENDPOINT", "ftp://127.0.0.1"),
        ("TENCENT_ENDPOINT", "http://127.0.0.1:port"),
        ("TENCENT_ENDPOINT", "http://127.0.0.1:9900/path"),
    ],
)
def test_a_wrong_value_is_named_on_one_line(name: str, value: str) -> None:
    assert wrong({**CREDENTIAL, f"CLB_BROKER_{name}": value}).startswith(f"CLB_BROKER_{name}: ")


def test_a_wrong_database_url_is_named_without_its_password() -> None:
    text = wrong({"CLB_BROKER_DATABASE_URL": f"mysql://user:{SECRET}@host/db"})
    assert text.startswith("CLB_BROKER_DATABASE_URL: ")


def test_one_credential_is_the_account_named_default() -> None:
    more = {"CLB_BROKER_TENCENT_ENDPOINT": "http://127.0.0.1:9900", "CLB_BROKER_CALLS_PER_SECOND": "5"}
    expected = AccountSettings("AKID1", SECRET, "http://127.0.0.1:9900", 5)
    assert read_settings({**CREDENTIAL, **more}).accounts == {"default": expected}
    assert read_settings(CREDENTIAL).accounts == {"default": AccountSettings("AKID1", SECRET, None, 18)}


@pytest.mark.parametrize("alone", sorted(CREDENTIAL))
def test_half_a_credential_is_none(alone: str) -> None:
    text = wrong({alone: CREDENTIAL[alone]})
    assert "CLB_BROKER_TENCENT_SECRET_ID" in text
    assert "CLB_BROKER_TENCENT_SECRET_KEY" in text


def test_secrets_may_stand_in_files_with_a_line_end(tmp_path: Path) -> None:
    for name, content in (("id", "AKID1\n"), ("key", f"{SECRET}\r\n"), ("token", "admin\n")):
        (tmp_path / name).write_text(content)
    settings = read(
        TENCENT_SECRET_ID_FILE=str(tmp_path / "id"),
        TENCENT_SECRET_KEY_FILE=str(tmp_path / "key"),
        ADMIN_TOKEN_FILE=str(tmp_path / "token"),
        ADMIN_TOKEN="the file goes first",
    )
    assert settings.accounts["default"] == AccountSettings("AKID1", SECRET, None, 18)
    assert settings.admin_token == "admin"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"], ids=["missing", "empty", "blank", "no text"])
@pytest.mark.parametrize("name", ["ADMIN_TOKEN_FILE", "TENCENT_SECRET_KEY_FILE", "TENCENT_SECRET_ID_FILE"])
def test_a_secret_s_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    assert wrong({f"CLB_BROKER_{name}": str(path)}).startswith(f"CLB_BROKER_{name}: {path}")


def accounts_file(tmp_path: Path, content: str) -> dict[str, str]:
    """An accounts file with credentials beside it."""
    (tmp_path / "id").write_text("AKID2\n")
    (tmp_path / "key").write_text(f"{SECRET}\n")
    path = tmp_path / "accounts.yaml"
    path.write_text(content.replace("HERE", str(tmp_path)))
    return {"CLB_BROKER_ACCOUNTS_FILE": str(path)}


GOOD = """
accounts:
  shop: {secret_id_file: HERE/id, secret_key_file: HERE/key, endpoint: "https://clb.internal:443", calls_per_second: 7}
  bank: {secret_id_file: HERE/id, secret_key_file: HERE/key}
"""


def test_an_accounts_file_names_several_accounts_with_what_the_variables_say_as_default(tmp_path: Path) -> None:
    environment = accounts_file(tmp_path, GOOD) | {
        "CLB_BROKER_CALLS_PER_SECOND": "9",
        "CLB_BROKER_TENCENT_ENDPOINT": "http://127.0.0.1:9900",
    }
    assert read_settings(environment).accounts == {
        "shop": AccountSettings("AKID2", SECRET, "https://clb.internal:443", 7),
        "bank": AccountSettings("AKID2", SECRET, "http://127.0.0.1:9900", 9),
    }


def test_the_variables_account_stands_beside_those_of_the_file_and_goes_before_its_default(tmp_path: Path) -> None:
    content = GOOD.replace("bank:", "default:")
    accounts = read_settings(accounts_file(tmp_path, content) | CREDENTIAL).accounts
    assert sorted(accounts) == ["default", "shop"]
    assert accounts["default"].secret_id == "AKID1"


ENTRY = "accounts:\n  shop: {secret_id_file: HERE/id, secret_key_file: HERE/key"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no mapping `accounts`"),
        ("[]", "has no mapping `accounts`"),
        ("accounts: []", "has no mapping `accounts`"),
        ("accounts: {shop: text}", "has no mapping `accounts`"),
        ("accounts: {shop: {}}", "shop: secret_id_file is missing"),
        ("accounts: {shop: {secret_id_file: HERE/id}}", "shop: secret_key_file is missing"),
        ("accounts: {shop: {secret_id_file: 7, secret_key_file: HERE/key}}", "shop: secret_id_file is missing"),
        (f"{ENTRY}, colour: red}}", "shop: unknown colour"),
        (f"{ENTRY}, calls_per_second: 0}}", "shop.calls_per_second: 0 is not in 1 to 1000"),
        (f"{ENTRY}, calls_per_second: fast}}", "shop.calls_per_second: 'fast' is not a whole number"),
        (f"{ENTRY}, calls_per_second: 7.5}}", "shop.calls_per_second: 7.5 is not a whole number"),
        (f"{ENTRY}, calls_per_second: true}}", "shop.calls_per_second: True is not a whole number"),
        (f"{ENTRY}, endpoint: 9900}}", "shop.endpoint: 9900 is not a URL"),
        (f"{ENTRY}, endpoint: 127.0.0.1}}", "shop.endpoint: '127.0.0.1' is not a URL"),
        ("accounts: {shop: {secret_id_file: HERE/none, secret_key_file: HERE/key}}", "shop.secret_id_file: "),
        ("accounts: {shop: {secret_id_file: HERE/id, secret_key_file: HERE/none}}", "shop.secret_key_file: "),
        ("accounts: {", "cannot be read: "),
        ("a: &a [*a, *a", "cannot be read: "),
    ],
)
def test_what_is_wrong_in_an_accounts_file_is_named_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    text = wrong(accounts_file(tmp_path, content))
    assert text.startswith("CLB_BROKER_ACCOUNTS_FILE: ")
    assert said in text


def test_a_missing_accounts_file_is_named(tmp_path: Path) -> None:
    assert "none.yaml cannot be read" in wrong({"CLB_BROKER_ACCOUNTS_FILE": str(tmp_path / "none.yaml")})


def test_no_secret_shows_when_settings_are_printed() -> None:
    url = f"postgresql://user:{SECRET}@host/db"
    settings = read_settings({**CREDENTIAL, "CLB_BROKER_ADMIN_TOKEN": SECRET, "CLB_BROKER_DATABASE_URL": url})
    assert SECRET not in f"{settings!r}{settings}"
    assert settings.accounts["default"].secret_key == SECRET
    assert settings.database_url == url


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        read_settings({}).drain_seconds = 1  # type: ignore[misc]
