"""A mistake is told with its file, its line and what is wrong, and without a value that may be a secret."""

import pytest
from machine_speed import units_of
from manifest.compile_world import compiled

UNITS_MAX = 400.0  # of `machine_speed`: twenty seconds on an idle core
SECRETS = ("hunter2secret", "New-giraffe-99", "hunter2", "giraffe", "MIIEvQ", "0123456789")
PEM = "KEY=-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B+abc/def==\n-----END PRIVATE KEY-----\n"
OK = "services: {web: {image: nginx}}\n"


def problems(files: dict[str, str]) -> list[str]:
    return [str(problem) for problem in compiled(files).problems]


def assert_told(files: dict[str, str], *expected: str) -> None:
    told = problems(files)
    assert not [secret for secret in SECRETS if any(secret in each for each in told)], told
    for words in expected:
        assert any(words in each for each in told), told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'A=1\nADMIN_PASSWORD="New-giraffe-99\n',
            'web/.env:2:1: the quote " is not closed; close it, or remove it',
        ),
        ("ADMIN_PASSWORD='New-giraffe-99\n", "web/.env:1:1: the quote ' is not closed"),
        ("DB_PASSWORD%=hunter2secret\n", "web/.env:1:1: '%' is not allowed in a name; write NAME=value"),
        ('{"password":"hunter2secret"}\n', "web/.env:1:1: '{' is not allowed in a name"),
        ("hunter2secret is it=1\n", "web/.env:1:1: a name must not contain a space; write NAME=value"),
        (PEM, "web/.env:2:1: '+' is not allowed in a name"),
        ("DB_PASSWORD=a${hunter2secret\n", "web/.env:1:1: cannot interpolate the value: "),
        ("DB_PASSWORD=a${NOPE:?hunter2secret}\n", "web/.env:1:1: a required variable is not set"),
        ("DB_PASSWORD=abc$hunter2secret\n", "web/.env:1:1: warning: a variable in this value is not set"),
        (
            "DB=postgres://u:abc$hunter2secret@db/a\n",
            "web/.env:1:1: warning: a variable in this value is not set",
        ),
    ],
)
def test_a_line_of_a_file_of_variables_is_never_quoted(text, told):
    assert_told({"web/compose.yaml": OK, "web/.env": text}, told)
    service = "services: {web: {image: nginx, env_file: [vars]}}\n"
    assert_told({"web/compose.yaml": service, "web/vars": text}, told.replace(".env", "vars"))


@pytest.mark.parametrize("text", ["hunter2secret is it=1\n", PEM.replace("KEY=", "")])
def test_a_line_of_a_raw_file_of_variables_is_never_quoted(text):
    service = "services: {web: {image: nginx, env_file: [{path: vars, format: raw}]}}\n"
    assert_told(
        {"web/compose.yaml": service, "web/vars": text}, "web/vars:1:1: a name must not contain a space"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OK + "secrets: {s: hunter2secret}", "secrets.s: must be a mapping"),
        (
            "services: {web: {image: nginx, secrets: [s]}}\nsecrets: {s: {environment: hunter2secret}}",
            "secrets.s.environment: the variable that it names is not set",
        ),
        (OK + "secrets: {s: {file: [hunter2secret]}}", "secrets.s.file: must be text, is a list"),
        (OK + "secrets: {s: {external: hunter2secret}}", "secrets.s.external: "),
        (
            "services: {web: {image: nginx, environment: DB_PASSWORD=hunter2secret}}",
            "web.environment: must be",
        ),
        (
            "services: {web: {image: nginx, environment: [[hunter2secret]]}}",
            "web.environment[0]: must be text",
        ),
        (
            "services: {web: {image: nginx, healthcheck: 'curl -u admin:hunter2 x'}}",
            "must be a mapping, is text",
        ),
        (
            "services: {web: {image: nginx, labels: {api.key: 0123456789}}}",
            "becomes another text than is written",
        ),
        (
            "services: {web: {image: nginx, environment: {DB_PASSWORD: 010}}}",
            "becomes another text than is written",
        ),
        (
            "services: {web: {image: nginx, environment: {DB_PASSWORD: !hunter2secret x}}}",
            "a tag is not allowed here",
        ),
        (
            "services: {web: {image: nginx, environment: {DB_PASSWORD: *hunter2secret}}}",
            "found undefined alias",
        ),
        (
            "services:\n web:\n  image: nginx\n  environment:\n   DB_PASSWORD: *hunter2secret\n",
            "web/compose.yaml:5:17: ",
        ),
        (
            "services: {web: {image: nginx, environment: {DB_PASSWORD: !!int hunter2secret}}}",
            "does not match its tag",
        ),
        (
            "services: {web: {image: nginx, environment: {DB_PASSWORD: 'a${hunter2secret'}}}",
            "cannot interpolate",
        ),
        (
            "services: {web: {image: nginx, environment: {DB_PASSWORD: abc$hunter2secret}}}",
            "write $$ for a dollar sign if the dollar sign is a part",
        ),
        (
            OK + "volumes: {v: {driver_opts: 'username=u,password=hunter2secret'}}",
            "driver_opts: must be a mapping, is text",
        ),
        (
            "services: {web: {image: nginx, ports: ['x:y --password=hunter2secret']}}",
            "services.web.ports[0]: ",
        ),
        (
            "services: {web: {image: nginx, cap_add: 'token=hunter2secret'}}",
            'must be a list, is the text "token=***"',
        ),
        ("hunter2secret", "must be a mapping with services, is text"),
    ],
)
def test_a_value_that_may_be_a_secret_is_not_quoted(text, told):
    assert_told({"web/compose.yaml": text}, told)


@pytest.mark.parametrize("secret", ["hunter2secret", "hunter2secret" * 10, "hunter2:secret/\\'\""])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("ports: ['${API_TOKEN}:80']", "services.web.ports"),
        ("image: '${API_TOKEN}!'", "services.web.image"),
        ("mem_limit: '${API_TOKEN}'", "services.web.mem_limit"),
        ("stop_grace_period: 'x${API_TOKEN}'", "services.web.stop_grace_period"),
        ("network_mode: 'service:${API_TOKEN}'", "services.web"),
        ("volumes: ['${API_TOKEN}::x']", "services.web.volumes"),
        ("pull_policy: '${API_TOKEN}'", "services.web.pull_policy"),
    ],
)
def test_a_value_that_was_made_with_a_secret_variable_is_not_quoted(secret, body, told):
    image = "" if body.startswith("image") else "image: nginx, "
    compose = f"services: {{web: {{{image}{body}}}}}\n"
    assert_told({"web/compose.yaml": compose, "web/.env": f"API_TOKEN={secret!r}\n"}, told)


def test_the_message_of_a_required_variable_shows_no_other_variable_that_is_a_secret():
    compose = "services: {web: {image: '${NOPE:?need ${DB_PASSWORD} on ${PLACE}}'}}\n"
    assert_told(
        {"web/compose.yaml": compose, "web/.env": "DB_PASSWORD=hunter2secret\nPLACE=db\n"},
        "the required variable NOPE is not set: need *** on db",
    )


@pytest.mark.parametrize(
    "variables",
    ['"DB_PASSWORD=hunter2secret"', "{DB_PASSWORD: [hunter2secret]}", "{DB_PASSWORD: 0123456789}"],
)
def test_variables_of_the_fleet_are_not_quoted(variables):
    fleet = f"apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {{variables: {variables}}}\n"
    assert_told({"web/compose.yaml": OK, "gitops.yaml": fleet}, "gitops.yaml:3:")


def test_what_is_no_secret_is_quoted_as_before():
    text = "services: {web: {image: nginx, cgroup: hots, environment: {M: 0644}}, key-vault: {image: nginx, cgroup: hots}}"
    told = problems({"web/compose.yaml": text})
    assert len([each for each in told if 'is the text "hots"; did you mean host?' in each]) == 2
    assert any("0644 becomes the text 420; quote it" in each for each in told)


def test_a_variable_that_is_named_on_purpose_is_named_where_it_is_not_set():
    text = (
        "services: {web: {image: nginx, environment: {DB_PASSWORD: '${DB_PASSWORD}', A_TOKEN: $A_TOKEN}}}\n"
    )
    (told,) = problems({"web/compose.yaml": text})
    assert "the variables DB_PASSWORD and A_TOKEN are not set" in told


@pytest.mark.parametrize(("piece", "count"), [("$a", 100_000), ("$a{}", 80_000), ("://$a:$b@", 50_000)])
def test_a_secret_of_many_variables_costs_little(piece, count):
    value = "".join(piece.format(number) for number in range(count))
    compose = f"services: {{web: {{image: nginx, environment: {{DB_PASSWORD: '{value}'}}}}}}\n"
    files = {"web/compose.yaml": compose, "web/.env": f"DB_PASSWORD={value}\n"}
    assert units_of(lambda: problems(files)) < UNITS_MAX
