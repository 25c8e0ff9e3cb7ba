"""Dashboard, alerts and the page about them name only what a real server exposes, and Prometheus understands them.

A server with everything on it is started, everything happens on it, and a real Prometheus scrapes it.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import create_server
from typing import Any, NamedTuple

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families
from tests.docs.pages import ROOT
from tests.flows.servers import PASSWORD, Installation, installation
from tests.programs import require_program
from tests.server.transport.certificates import Pair, make_pair

DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus-alerts.yml"
ALERT_TESTS = ROOT / "tests" / "deploy" / "alerts.yml"
PAGE = "docs/how-to/watch-a-server.md"
EMAIL = "ada@example.com"
# What Prometheus adds to each series of a target, and to those of a histogram.
_ADDED = {"job", "instance", "le"}


class Sample(NamedTuple):
    """One series of a scrape."""

    name: str
    labels: dict[str, str]


class Watched(NamedTuple):
    """A server that runs, and what it answered to a scrape after everything had happened on it."""

    port: int
    certificate: Path
    text: str
    samples: list[Sample]


def ask(client: httpx.Client, path: str, *, token: str = "", **body: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = client.post(f"/api/v1/auth/{path}", json=body or None, headers=headers)
    found = answer.json()
    assert isinstance(found, dict)
    return found


def let_everything_happen(client: httpx.Client) -> None:
    """Registrations, sign-ins and refreshes of every kind, a logout, a refused token, a path that is not there."""
    ask(client, "register", email=EMAIL, password=PASSWORD)
    ask(client, "register", email=EMAIL, password=PASSWORD)
    ask(client, "login", email=EMAIL, password="wrong wrong wrong")
    ask(client, "login", email="nobody@example.com", password=PASSWORD)
    first = ask(client, "login", email=EMAIL, password=PASSWORD)
    second = ask(client, "refresh", refresh_token=first["refresh_token"])
    ask(client, "refresh", refresh_token=first["refresh_token"])
    ask(client, "refresh", refresh_token=second["refresh_token"])
    assert ask(client, "refresh", refresh_token=first["refresh_token"])["code"] == "invalid_grant"
    other = ask(client, "login", email=EMAIL, password=PASSWORD)
    ask(client, "logout", token=other["access_token"])
    assert ask(client, "logout", token=other["access_token"])["code"] == "invalid_token"
    client.get("/nowhere")
    client.get("/.well-known/jwks.json")


def connect(port: int, pair: Pair) -> httpx.Client:
    return httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=pair.trusting(), timeout=30)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("watched")
    pair = make_pair(folder / "tls")
    settings = {"TLS_CERT": str(pair.certificate), "TLS_KEY": str(pair.key)}
    with installation(folder, settings) as made:
        yield made


@pytest.fixture(scope="module")
def watched(here: Installation) -> Watched:
    server = here.start()
    pair = Pair(Path(here.settings["TLS_CERT"]), Path(here.settings["TLS_KEY"]))
    with connect(server.port, pair) as client:
        let_everything_happen(client)
        text = client.get("/metrics").text
        samples = [
            Sample(sample.name, sample.labels)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
    return Watched(server.port, pair.certificate, text, samples)


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found = group["rules"]
    assert isinstance(found, list)
    return found


def dashboard() -> dict[str, Any]:
    found = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    assert isinstance(found, dict)
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def filled_in(expression: str) -> str:
    """An expression of the dashboard, as Grafana sends it."""
    return (
        expression.replace("$job", "tokenward").replace("$instance", ".*").replace("$__rate_interval", "1m")
    )


def page_expressions() -> list[str]:
    """What stands in the second column of the tables of questions."""
    rows = re.findall(r"^\| [^|]+\? \| ([^|]+) \|", (ROOT / PAGE).read_text(), re.MULTILINE)
    return [expression for row in rows for expression in re.findall(r"`([^`]+)`", row)]


EXPRESSIONS = {
    "alerts": [rule["expr"] for rule in rules()],
    "dashboard": [filled_in(target["expr"]) for panel in panels() for target in panel["targets"]],
    "page": page_expressions(),
}


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_every_metric_label_and_value_that_is_named_exists(place: str, watched: Watched) -> None:
    assert len(EXPRESSIONS[place]) > 15
    for expression in EXPRESSIONS[place]:
        named = re.findall(r"\b((?:tokenward|process)_\w+)(?:\{([^}]*)\})?", expression)
        assert named or expression == 'up{job="tokenward"}' or "up{" in expression, expression
        labels_there: set[str] = set(_ADDED)
        for name, matchers in named:
            there = [sample for sample in watched.samples if sample.name == name]
            assert there, (name, expression)
            labels_there |= {label for sample in there for label in sample.labels}
            for label, operator, value in re.findall(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"', matchers):
                if label in _ADDED:
                    continue
                values = {sample.labels[label] for sample in there}
                for one in value.split("|") if operator == "=~" else [value]:
                    assert one in values, (name, label, one)
        for grouped in re.findall(r"\b(?:by|ignoring|on)\s*\(([^)]*)\)", expression):
            assert {label.strip() for label in grouped.split(",")} <= labels_there, (grouped, expression)


def test_every_metric_of_ours_is_on_the_page(watched: Watched) -> None:
    page = (ROOT / PAGE).read_text()
    exposed = {re.sub(r"_(bucket|count|sum)$", "", sample.name) for sample in watched.samples}
    named = set(re.findall(r"tokenward_\w+", page))
    named |= {re.sub(r"_(bucket|count|sum)$", "", name) for name in named}
    assert {name for name in exposed if name.startswith("tokenward_")} - named == set()


def test_prometheus_finds_nothing_to_complain_of_in_a_scrape(watched: Watched) -> None:
    done = subprocess.run(
        [require_program("promtool"), "check", "metrics"],
        input=watched.text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [require_program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_the_alerts_and_each_fires_when_it_should() -> None:
    promtool("check", "rules", str(ALERTS))
    promtool("test", "rules", str(ALERT_TESTS))


def test_each_alert_is_tested_where_it_fires_and_where_it_does_not() -> None:
    tests = {test["name"]: test for test in yaml.safe_load(ALERT_TESTS.read_text())["tests"]}
    names = [rule["alert"] for rule in rules()]
    assert set(tests) == {f"{name} {how}" for name in names for how in ("fires", "is silent")}
    for name in names:
        fires = [one["exp_samples"] for one in tests[f"{name} fires"]["promql_expr_test"]]
        assert all(found and found[0]["labels"] == f'{{alertname="{name}"}}' for found in fires)
        silent = tests[f"{name} is silent"]
        assert [one["exp_samples"] for one in silent["promql_expr_test"]] == [[]]
        # Silent about the very metric it looks at, and not for want of one.
        (rule,) = [rule for rule in rules() if rule["alert"] == name]
        metric = re.search(r"\b(?:tokenward_\w+|up)\b", rule["expr"])
        assert metric is not None
        assert any(series["series"].startswith(metric[0] + "{") for series in silent["input_series"]), name


def test_each_alert_says_what_is_wrong_what_to_do_and_where_more_stands() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / PAGE).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "what_to_do", "runbook"}
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == PAGE
        assert anchor in anchors


def test_every_log_line_setting_and_outcome_that_the_page_names_exists(watched: Watched) -> None:
    page = (ROOT / PAGE).read_text()
    outcomes = {value for sample in watched.samples for value in sample.labels.values()}
    (table,) = re.findall(r"\| Outcome \| What it was \|\n\|---\|---\|\n(.+?)\n\n", page, re.DOTALL)
    told = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    there = {
        sample.labels["outcome"] for sample in watched.samples if sample.name == "tokenward_sign_ins_total"
    }
    assert told == there - {"success"}
    for name in ("retried", "coalesced", "expired", "ended", "silent", "head_timeout", "weak_password"):
        assert f"`{name}`" in page
        assert name in outcomes


def test_the_dashboard_can_be_imported_anywhere() -> None:
    board = dashboard()
    assert "://" not in json.dumps(board)
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job", "instance"]
    assert board["templating"]["list"][0]["type"] == "datasource"
    identifiers = [panel["id"] for panel in board["panels"]]
    assert len(identifiers) == len(set(identifiers))
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not places & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        places |= cells
    for panel in panels():
        assert panel["description"].endswith(".")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_prometheus_scrapes_as_the_page_says_and_answers_every_question(
    here: Installation, watched: Watched, tmp_path: Path
) -> None:
    """The whole way: the page's configuration, the alerts beside it, a real scrape, every expression asked."""
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / PAGE).read_text(), re.DOTALL)
    config = yaml.safe_load(block)
    (job,) = config["scrape_configs"]
    job |= {
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{watched.port}"]}],
        "scheme": "https",
        "tls_config": {"ca_file": str(watched.certificate)},
    }
    config["global"] = {"evaluation_interval": "1s"}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(ALERTS, tmp_path)
    promtool("check", "config", str(tmp_path / "prometheus.yml"))
    with closing(create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                require_program("prometheus"),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'series'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1") as client:
            wait_for_rates(client, tmp_path / "log")
            silent = [
                expression
                for place in ("dashboard", "page")
                for expression in EXPRESSIONS[place]
                if not ask_prometheus(client, expression)
            ]
            # Those that show nothing unless something is wrong.
            assert [expression for expression in silent if not expression.endswith("> 0")] == []
            for expression in EXPRESSIONS["alerts"]:
                ask_prometheus(client, expression)
            assert ask_prometheus(client, 'ALERTS{alertstate="firing"}') == []
    finally:
        process.terminate()
        process.wait(60)


def wait_for_rates(client: httpx.Client, log: Path) -> None:
    until = time.monotonic() + 60
    found: list[Any] = []
    while not found:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)
        try:
            found = ask_prometheus(client, "count_over_time(tokenward_ready[1m]) > 3")
        except httpx.HTTPError:
            continue


def ask_prometheus(client: httpx.Client, expression: str) -> list[Any]:
    answer = client.get("/query", params={"query": expression})
    if answer.status_code == 503:
        # It is still starting.
        return []
    assert answer.status_code == 200, (expression, answer.text)
    found = answer.json()["data"]["result"]
    assert isinstance(found, list)
    return found
