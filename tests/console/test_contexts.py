"""Which broker is asked, and as whom; and that a token stays where it belongs."""

import stat
from pathlib import Path

import pytest

from app.console.contexts import FILE_VARIABLE, SERVER_VARIABLE, TOKEN_VARIABLE
from tests.api.client import ADMIN_TOKEN, Caller
from tests.console.conftest import Console

NAMED = ("context", "set", "shop", "--server", "https://broker.example")


def file_of(console: Console) -> Path:
    return Path(console.environment[FILE_VARIABLE])


def test_without_any_context_a_command_says_how_to_make_one(stranger: Console) -> None:
    result = stranger.run("clusters", "list")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "context set" in result.stderr


def test_a_context_is_used_from_its_file(stranger: Console, server: str, agent: Caller, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(ADMIN_TOKEN + "\n", encoding="utf-8")
    stranger.shown("context", "set", "shop", "--server", server, "--token-file", str(token))
    assert [each["cluster_id"] for each in stranger.items("clusters", "list")] == ["cls-a"]
    token.write_text("another", encoding="utf-8")
    assert stranger.run("clusters", "list").exit_code == 4


def test_the_first_context_is_in_use_until_another_is_chosen(stranger: Console) -> None:
    stranger.shown(*NAMED)
    stranger.shown("context", "set", "billing", "--server", "https://other.example")
    assert [line.split()[:2] for line in stranger.shown("context", "list").splitlines()[1:]] == [
        ["billing", "https://other.example"],
        ["*", "shop"],
    ]
    stranger.shown("context", "use", "billing")
    assert "*         billing" in stranger.shown("context", "list")
    stranger.shown("context", "remove", "billing")
    assert "*" not in stranger.shown("context", "list")


def test_a_token_that_is_typed_in_is_kept_for_its_owner_alone_and_never_shown(stranger: Console) -> None:
    result = stranger.run(*NAMED, "--ask-token", says="secret-token\n")
    assert result.exit_code == 0
    assert stat.S_IMODE(file_of(stranger).stat().st_mode) == 0o600
    assert "secret-token" in file_of(stranger).read_text(encoding="utf-8")
    assert "secret-token" not in result.output + stranger.shown("context", "list")


def test_the_files_token_does_not_go_to_another_server(stranger: Console, server: str) -> None:
    stranger.run(*NAMED, "--ask-token", says="secret-token\n")
    result = stranger.having(**{SERVER_VARIABLE: server}).run("clusters", "list")
    assert result.exit_code == 2
    assert "no token" in result.stderr


def test_the_environments_token_goes_before_the_files(stranger: Console, server: str, agent: Caller) -> None:
    stranger.run("context", "set", "shop", "--server", server, "--ask-token", says="wrong\n")
    assert stranger.run("clusters", "list").exit_code == 4
    assert stranger.having(**{TOKEN_VARIABLE: ADMIN_TOKEN}).items("clusters", "list")


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "contexts: 7",
        "contexts: {shop: 7}",
        "contexts: {shop: {token: x}}",
        "{",
        "contexts: {shop: {server: ftp://x}}",
        "contexts: {shop: {server: 'https://x', more: y}}",
        "contexts: {shop: {server: 'https://x', token: 7}}",
        "\x00",
    ],
)
def test_a_file_that_makes_no_sense_is_one_line_and_no_trace(stranger: Console, content: str) -> None:
    file_of(stranger).parent.mkdir()
    file_of(stranger).write_text(content, encoding="utf-8")
    result = stranger.run("context", "list")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "url", ["broker.example", "ftp://x", "https://", "https://user:secret@x", "https://x?y=1", "https://x:y"]
)
def test_what_is_no_url_is_no_server(stranger: Console, url: str) -> None:
    result = stranger.run("context", "set", "shop", "--server", url)
    assert result.exit_code == 2
    assert not file_of(stranger).exists()


@pytest.mark.parametrize("words", [("use", "none"), ("remove", "none")])
def test_a_context_that_is_not_there_is_named(stranger: Console, words: tuple[str, ...]) -> None:
    stranger.shown(*NAMED)
    result = stranger.run("context", *words)
    assert (result.exit_code, "'none'" in result.stderr, "shop" in result.stderr) == (2, True, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(stranger: Console, shell: str) -> None:
    assert "_CLB_BROKER_COMPLETE" in stranger.shown("completion", shell)


def test_commands_and_contexts_are_completed(stranger: Console) -> None:
    stranger.shown(*NAMED)
    asked = {"_CLB_BROKER_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    result = stranger.having(**asked, COMP_WORDS="clb-broker history --context s").run()
    assert "shop" in result.stdout
    asked["COMP_CWORD"] = "1"
    assert "who-had" in stranger.having(**asked, COMP_WORDS="clb-broker wh").run().stdout
