"""`tokenward audit`: filters, order, and both forms of output."""

import json
import time

from tests.cli.running import create, misused, serving
from tests.flows.servers import PASSWORD, Installation
from tests.server.building import tamper


def events(place: Installation, *arguments: str) -> list[str]:
    lines = place.command("audit", "--json", *arguments).splitlines()
    return [json.loads(line)["event"] for line in lines]


async def test_events_are_found_by_whom_to_whom_what_and_when(place: Installation) -> None:
    anna, bert = create(place), create(place, "bert@example.com")
    async with serving(place) as server:
        assert (await server.client.log_in(PASSWORD, "anna@example.com")).status == 200
    place.command("accounts", "disable", bert)

    assert events(place, "--subject", bert) == ["account.disabled", "account.created"]
    assert events(place, "--event", "account.created") == ["account.created"] * 2
    assert set(events(place, "--actor", "system")) == {"key.created"}
    assert events(place, "--subject", anna, "--event", "account.created") == ["account.created"]
    everything = events(place)
    assert everything[0] == "account.disabled"
    assert events(place, "--limit", "3") == everything[:3]
    assert events(place, "--since", "1h") == everything
    assert events(place, "--until", "1h") == []
    tamper(place.database, "UPDATE audit SET at = at - 7200 WHERE event = 'key.created'")
    assert set(events(place, "--until", "1h")) == {"key.created"}
    assert "key.created" not in events(place, "--since", "90m")
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    assert len(events(place, "--since", day)) == len(everything)
    assert events(place, "--until", f"{day}T00:00:00Z") == []


def test_lines_for_people_name_everything_and_nothing_sealed(made: Installation) -> None:
    sub = create(made)
    (line,) = made.command("audit").splitlines()
    assert f"account.created  actor=command-line  subject={sub}" in line
    assert "anna" not in line
    row = json.loads(made.command("audit", "--json"))
    assert "personal_wrapped" not in row
    assert isinstance(row["detail"], dict)


def test_a_long_log_is_printed_whole(made: Installation) -> None:
    insert = (
        "INSERT INTO audit (at, event, actor, subject, sid, request_id, detail) "
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1001) "
        "SELECT 5, 'made.up', 'system', '', '', '', '{}' FROM c"
    )
    tamper(made.database, insert)
    lines = [json.loads(line)["id"] for line in made.command("audit", "--json").splitlines()]
    assert lines == sorted(set(lines), reverse=True)
    assert len(lines) == 1001


def test_what_is_no_time_is_told(made: Installation) -> None:
    assert made.command("audit") == ""
    assert "Write 90m" in misused(made.run("audit", "--since", "yesterday"))
    assert "--limit" in misused(made.run("audit", "--limit", "0"))
