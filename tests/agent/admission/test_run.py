"""What becomes of a webhook whose watch breaks off by a mistake."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.agent.admission import run
from app.agent.admission.certificates import Certificate
from app.agent.admission.run import WatchEnded, Webhook
from app.agent.deciding.objects import DIRECT_ACCESS
from app.agent.settings import read_webhook_settings
from app.domain.errors import SettingError
from app.simulator.kubernetes.server import KubernetesSimulator
from tests.agent.admission.cluster import direct_service


def test_a_mistake_in_the_watch_ends_it_with_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_certificate: Callable[[], Certificate],
) -> None:
    write_certificate()

    def broken(raw: dict[str, dict[str, dict[str, str]]]) -> object:
        raise ZeroDivisionError(raw["metadata"]["annotations"][DIRECT_ACCESS])

    logged: list[tuple[str, type[BaseException] | None]] = []
    log = SimpleNamespace(exception=lambda event, **_: logged.append((event, sys.exc_info()[0])))
    monkeypatch.setattr(run, "_LOG", log)
    monkeypatch.setattr(run, "gating_service_of", broken)
    with KubernetesSimulator() as cluster:
        cluster.apply(direct_service())
        monkeypatch.setenv("KUBECONFIG", str(cluster.write_kubeconfig(tmp_path / "kubeconfig")))
        files = {
            "CERTIFICATE_FILE": str(tmp_path / "tls.crt"),
            "KEY_FILE": str(tmp_path / "tls.key"),
            "LISTEN": "[::1]:0",
        }
        webhook = Webhook(read_webhook_settings({f"CLB_BROKER_WEBHOOK_{name}": text for name, text in files.items()}))
        assert webhook.url.startswith("https://[::1]:")
        with pytest.raises(WatchEnded):
            webhook.run(threading.Event())
    assert logged == [("watch ended", ZeroDivisionError)]


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CLB_BROKER_WEBHOOK_CERTIFICATE_FILE", ""),
        ("CLB_BROKER_WEBHOOK_KEY_FILE", ""),
        ("CLB_BROKER_WEBHOOK_LISTEN", "9443"),
        ("CLB_BROKER_WEBHOOK_DRAIN_SECONDS", "301"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, text: str) -> None:
    files = {"CLB_BROKER_WEBHOOK_CERTIFICATE_FILE": "a", "CLB_BROKER_WEBHOOK_KEY_FILE": "b"}
    with pytest.raises(SettingError, match=f"^{variable}: "):
        read_webhook_settings(files | {variable: text})
