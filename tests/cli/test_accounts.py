"""`tokenward accounts …`, as processes."""

from tests.cli.running import OTHER_PASSWORD, PASSWORD, create, misused, printed_json, refused, serving
from tests.flows.servers import Installation


async def test_an_account_that_a_command_made_signs_in(place: Installation) -> None:
    sub = create(place, "Anna@example.com", "--role", "admin", "--name", "Anna", "--username", "anna")
    async with serving(place) as server:
        answer = await server.client.log_in(PASSWORD, "ANNA")
        assert (answer.json["user"]["id"], answer.json["user"]["roles"]) == (sub, ["admin"])
        (row,) = await server.events("account.created")
        assert row.actor == "command-line"


def test_an_account_is_linked_to_a_row_of_the_application(place: Installation) -> None:
    create(place, "anna@example.com", "--external-id", "customer 17")
    (listed,) = printed_json(place.command("accounts", "list", "--json"))["items"]
    assert listed["external_id"] == "customer 17"
    again = ("accounts", "create", "--username", "ben", "--external-id", "customer 17", "--password-stdin")
    assert "Another account is linked to this external id" in refused(place.run(*again, stdin=PASSWORD))


async def test_a_new_password_signs_out_a_running_server_at_once(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        tokens = (await server.client.log_in(PASSWORD, "anna@example.com")).json
        said = place.command(
            "accounts", "set-password", "anna@example.com", "--password-stdin", stdin=OTHER_PASSWORD
        )
        assert "revocation record 1" in said
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        assert (await server.client.log_in(PASSWORD, "anna@example.com")).code == "invalid_credentials"
        assert (await server.client.log_in(OTHER_PASSWORD, "anna@example.com")).status == 200


async def test_disabling_enabling_and_roles(place: Installation) -> None:
    sub = create(place, "anna@example.com", "--username", "anna")
    async with serving(place) as server:
        tokens = (await server.client.log_in(PASSWORD, "anna")).json
        assert "record 1" in place.command("accounts", "disable", sub)
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
        assert (await server.client.log_in(PASSWORD, "anna")).code == "invalid_credentials"
        assert place.command("accounts", "enable", "anna") == "enabled\n"
        tokens = (await server.client.log_in(PASSWORD, "anna")).json
        assert "record 2" in place.command("accounts", "set-role", "ANNA@example.com", "--role", "admin")
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        tokens = (await server.client.refresh(tokens["refresh_token"])).json
        assert (await server.client.me(tokens["access_token"])).json["roles"] == ["admin"]
        place.command("accounts", "set-role", "anna")
        assert (await server.services.accounts.get(sub)).roles == ()


def test_a_listing_is_a_table_or_pages_of_json(made: Installation) -> None:
    assert made.command("accounts", "list") == "(none)\n"
    subs = sorted(create(made, f"a{number}@example.com", "--role", "reader") for number in range(3))
    table = made.command("accounts", "list").splitlines()
    assert table[0].split() == [
        "sub",
        "email",
        "username",
        "roles",
        "external_id",
        "created_at",
        "disabled_at",
    ]
    assert [line.split()[0] for line in table[1:]] == subs
    page = printed_json(made.command("accounts", "list", "--json", "--limit", "2"))
    assert [item["sub"] for item in page["items"]] == subs[:2]
    assert page["items"][0]["roles"] == ["reader"]
    assert f"--cursor {page['next_cursor']}" in made.command("accounts", "list", "--limit", "2")
    rest = printed_json(made.command("accounts", "list", "--json", "--cursor", page["next_cursor"]))
    assert [item["sub"] for item in rest["items"]] == subs[2:]
    assert rest["next_cursor"] is None


def test_a_created_account_can_be_printed_as_json(place: Installation) -> None:
    said = place.command(
        "accounts", "create", "--username", "anna", "--password-stdin", "--json", stdin=PASSWORD
    )
    made = printed_json(said)
    assert (made["username"], made["email"], made["disabled_at"]) == ("anna", None, None)
    assert PASSWORD not in said


def test_what_cannot_be_an_account_is_told_in_one_line(place: Installation) -> None:
    create(place)
    for arguments, password, told in (
        (("--email", "ANNA@example.com"), PASSWORD, "exists already"),
        (("--email", "no address"), PASSWORD, "name@example.com"),
        (("--username", "a b"), PASSWORD, "3 to 64 characters"),
        (("--email", "b@example.com"), "short", "15"),
        (("--email", "b@example.com"), "", "15"),
        (("--email", "b@example.com", "--role", "No Role"), PASSWORD, "a-z"),
    ):
        line = refused(place.run("accounts", "create", *arguments, "--password-stdin", stdin=password))
        assert told in line
        assert PASSWORD not in line
    assert len(printed_json(place.command("accounts", "list", "--json"))["items"]) == 1


def test_an_account_that_is_not_there_is_told(made: Installation) -> None:
    for arguments in (("disable", "nobody"), ("enable", "usr_nobody"), ("set-role", "nobody@example.com")):
        assert "no such account" in refused(made.run("accounts", *arguments))
    done = made.run("accounts", "set-password", "nobody", "--password-stdin", stdin=PASSWORD)
    assert "no such account" in refused(done)


def test_a_wrong_call_says_what_is_right(place: Installation) -> None:
    assert "--email or --username" in misused(
        place.run("accounts", "create", "--password-stdin", stdin=PASSWORD)
    )
    assert "--password-stdin" in misused(place.run("accounts", "create", "--email", "a@example.com"))
    assert "ACCOUNT" in misused(place.run("accounts", "disable")).upper()
    assert "--limit" in misused(place.run("accounts", "list", "--limit", "201"))
    assert "--limit" in misused(place.run("accounts", "list", "--limit", "0"))
    assert "No such option" in misused(place.run("accounts", "create", "--password", PASSWORD))
    assert "No such command" in misused(place.run("accounts", "destroy"))
