"""Every key of the dashboard with values that no library should be handed: one sentence or fine, never a traceback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.params import DashboardParams, ServerParams, parse_dashboard
from dashboard.server.server import build_server, check_server, server_options
from dashboard.server.services import Services, open_services
from pipelines.errors import UserError
from stacker.training.params import key_names, parse_params, read_params

ODD = (
    *("", "null", "''", "' '", r'"\0"', r'"\ud800"', "x", "日本", 300 * "a", "http://x", "../..", "/proc/x/y"),
    *("-1", "0", "1", "0.5", "1e308", "1e-320", ".inf", "-.inf", ".nan", "1" + 30 * "0", "true", "2020-01-01"),
    *("[]", "{}", "[1]", "[-1]", "['']", "[null]", "[{}]", "[.nan]", "[3, 1]", "{a: 1}", "{1: 2}"),
    "&a {x: *a}",
)
KEYS = [name for name, _ in key_names(DashboardParams, "dashboard.")]


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "params.yaml"
    path.write_text("", encoding="utf-8")
    return path


def accepted(params: Path, key: str) -> Iterator[tuple[str, DashboardParams]]:
    """Try every odd value of a key, check the sentence on each that is refused, and yield the others."""
    for value in ODD:
        try:
            section = parse_dashboard(read_params(params, [f"{key}={value}"]).dashboard)
        except UserError as fault:
            sentence = str(fault)
            assert "\n" not in sentence and len(sentence) < 400, sentence
            assert key in sentence or key.rpartition(".")[0] in sentence, sentence
        else:
            yield value, section


def test_the_projects_own_file_says_every_key_of_the_dashboard_and_each_default() -> None:
    own = read_params(Path(__file__).parents[3] / "params.yaml").dashboard

    def leaves(node: dict[str, Any], prefix: str) -> Iterator[str]:
        for key, value in node.items():
            yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]

    assert parse_dashboard(own) == DashboardParams()
    assert set(leaves(own, "dashboard.")) == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_odd_values_of_every_key_are_fine_or_one_sentence(params: Path, key: str) -> None:
    assert len(list(accepted(params, key))) < len(ODD)


@pytest.mark.parametrize(
    "value",
    ["&a [*a]", 60 * "[" + 60 * "]", 2000 * "[", "2020-13-45", "!!python/object:os.system {}", '"\\x"', "a: b: c"],
)
def test_what_yaml_cannot_mean_is_one_sentence(params: Path, value: str) -> None:
    with pytest.raises(UserError, match="not valid YAML|levels of sections and lists") as fault:
        read_params(params, [f"study.space={value}"])
    assert len(str(fault.value)) < 400


NOT_LISTENING = [key for key in KEYS if key != "dashboard.server.address"]


@pytest.mark.parametrize("key", NOT_LISTENING)
def test_what_the_dashboard_accepts_it_can_start_with(
    params: Path, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value, section in accepted(params, key):
        try:
            server_options(section.server, section.accounts.admins)
            Services(section).close()
        except UserError as fault:
            assert "\n" not in str(fault), (value, str(fault))


@pytest.mark.parametrize("address", ["256.1.1.1", "127.0.0.1", "::1", "0.0.0.0"])
def test_an_address_one_cannot_listen_at_is_said(address: str, tmp_path: Path) -> None:
    section = {"server": {"address": address, "port": 0}, "store": {"url": f"sqlite:///{tmp_path / 'v.sqlite'}"}}
    services = Services(parse_dashboard(section))
    try:
        build_server(services).stop()
    except UserError as fault:
        assert "correct dashboard.server.address" in str(fault)
    finally:
        services.close()


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("https://judge.example.org", "judge.example.org"),
        ("https://judge.example.org/", "judge.example.org"),
        ("HTTPS://Judge.Example.org:443", "judge.example.org"),
        ("http://judge.example.org:443", "judge.example.org:443"),
        ("http://192.168.1.5:5006", "192.168.1.5:5006"),
        ("judge.example.org", "judge.example.org"),
        ("[2001:DB8::1]:5006", "[2001:db8::1]:5006"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("*.example.org:*", "*.example.org:*"),
        ("*", "*"),
    ],
)
def test_a_scheme_is_taken_off_an_origin(origin: str, taken: str) -> None:
    assert ServerParams(origins=(origin,)).origins == (taken,)
    assert ServerParams.model_validate({"origins": origin}).origins == (taken,)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        " ",
        "https://",
        "https://x/judge",
        "me@x",
        "x:0",
        "x:99999",
        "x:y",
        "x y",
        "::1",
        "ftp://x",
        "a..b",
        "*x.org",
    ],
)
def test_what_is_no_origin_is_refused_by_its_key(origin: str) -> None:
    with pytest.raises(UserError, match=r"dashboard\.server\.origins\.0 is .*such as judge\.example\.org"):
        parse_dashboard({"server": {"origins": [origin]}})


@pytest.mark.parametrize("provider", ["foo", "password", "pam", "GitHub"])
def test_an_unknown_provider_is_said_with_those_there_are(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "k")
    params = ServerParams(oauth_provider=provider, oauth_key_env="K", oauth_secret_env="K")
    with pytest.raises(UserError, match=rf"oauth_provider is '{provider}'; it must be one of auth0, .*github"):
        server_options(params)


@pytest.mark.parametrize(
    ("provider", "extra", "sentence"),
    [
        ("generic", None, "PANEL_OAUTH_AUTHORIZE_URL"),
        ("auth0", None, "needs subdomain"),
        ("okta", '{"url": ""}', "needs url"),
        ("github", "{", "is no mapping"),
        ("github", "[1]", "is no mapping"),
    ],
)
def test_what_a_provider_needs_besides_is_asked_for_at_the_start(
    provider: str, extra: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K", "k")
    monkeypatch.delenv("PANEL_OAUTH_AUTHORIZE_URL", raising=False)
    if extra is not None:
        monkeypatch.setenv("PANEL_OAUTH_EXTRA_PARAMS", extra)
    with pytest.raises(UserError, match=sentence):
        server_options(ServerParams(oauth_provider=provider, oauth_key_env="K", oauth_secret_env="K"))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("judges: FILE", "dashboard.judges .*is no folder"),
        ("files: none", "dashboard.files none: is not there"),
        ("judge: none", "dashboard.judge none: there is no judge"),
        ("server: {oauth_provider: foo, oauth_key_env: HOME, oauth_secret_env: HOME}", "oauth_provider is 'foo'"),
        ("server: {accounts: none.json}", "none.json: is no readable JSON"),
        ("accounts: {admins: ada}", "dashboard.accounts.admins: names people"),
        ("store: {password_env: NOT_SET_BY_ANYBODY}", "NOT_SET_BY_ANYBODY is not set"),
        ("server: {address: ''}", "server.address"),
        ("server: {address: 'http://0.0.0.0'}", "server.address is .*without http"),
        ("server: {address: 'localhost:5006'}", "server.address is .*without a port"),
        ("styles: {a: {name: x, generator: openai, model: m, base_url: 'http://h:99999/v1'}}", "styles.a.base_url"),
    ],
)
def test_a_key_that_leads_nowhere_is_named_before_anything_is_served(
    section: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    Path("params.yaml").write_text(f"dashboard: {{{section}}}\n", encoding="utf-8")
    with pytest.raises(UserError, match=sentence):
        open_services(Path("params.yaml"), check=check_server)
    assert not list(tmp_path.glob("*.sqlite"))


def test_true_is_no_number_and_a_secret_is_not_repeated() -> None:
    with pytest.raises(UserError, match=r"run\.threads is True; must be a number"):
        parse_params({"run": {"threads": True}})
    with pytest.raises(UserError) as fault:
        parse_dashboard({"server": {"oauth_secret_env": "hunter2 hunter2"}})
    assert "hunter2" not in str(fault.value)


CHAT = {"generator": "openai", "base_url": "http://x/v1"}
THREE = [{"name": name, "model": f"m-{name}", **CHAT} for name in ("one", "two", "three")]


@pytest.mark.parametrize(
    "styles",
    [
        THREE,
        {style["name"]: {key: value for key, value in style.items() if key != "name"} for style in THREE},
        {"a": THREE[0], "b": THREE[1], "more": THREE[2:]},
        {"a": THREE[0], "b": THREE[1], "c": THREE[2]},
    ],
    ids=["list", "names", "more", "letters"],
)
def test_styles_are_read_in_any_form(styles: Any) -> None:
    found = parse_dashboard({"styles": styles}).styles
    assert [(style.name, style.model) for style in found.every] == [(each["name"], each["model"]) for each in THREE]
    again = parse_dashboard({"styles": found.model_dump(mode="json")}).styles
    assert again == found
    assert [style.name for style in found.pair(0, 2).every] == ["one", "three"]
    hotter = found.changed(lambda style: style.model_copy(update={"temperature": 1.5}))
    assert {style.temperature for style in hotter.every} == {1.5}


@pytest.mark.parametrize(
    ("styles", "sentence"),
    [
        (THREE[:1], "there is 1 style, and it takes two"),
        ([THREE[0], THREE[1], THREE[0]], "2 styles are named 'one'"),
        ([THREE[0], {"name": "x", "generator": "openai", "model": "m"}], "of style 2, generator openai needs base_url"),
        ([THREE[0], THREE[1], {**THREE[2], "modle": "m"}], "of style 3, modle: is an unknown key"),
        ([THREE[0], THREE[1], {**THREE[2], "api_key_env": "sk-1 sk-1"}], "of style 3, api_key_env"),
        ([THREE[0], THREE[1], "three"], "of style 3"),
        ([THREE[0], THREE[1], {"name": "old"}], "one style is recorded and the other is not"),
        ([{"name": "x"}, {"name": "y"}, {"name": "z"}], "answers are recorded in two styles"),
    ],
)
def test_a_style_that_is_wrong_is_named(styles: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as fault:
        parse_dashboard({"styles": styles})
    assert "dashboard.styles" in str(fault.value)
    assert "sk-1" not in str(fault.value)
