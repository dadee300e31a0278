"""A password that a file or a program repeats is in no plan, no message and no history."""

import shlex
from dataclasses import replace

import pytest
from machine_speed import growth
from planner.builders import app, service

from gitops_orch.model.display.legible import check_words, legible, pieces
from gitops_orch.model.display.variable_secrets import secrets_of, secrets_of_app
from gitops_orch.model.observed import Details
from gitops_orch.model.plan.action import Change
from gitops_orch.model.sensitive.secret_words import names_a_secret, without_secrets
from gitops_orch.model.sensitive.shown_command import shown_command
from gitops_orch.planner.diff.field_changes import redacted_changes, service_changes
from gitops_orch.planner.inputs.world import DeclaredService


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysqladmin ping -h localhost -uroot -phunter2", "mysqladmin ping -h localhost -uroot -p***"),
        ("mariadb-admin -u root -p'hunter 2' ping", "mariadb-admin -u root -p*** ping"),
        ("redis-cli -h cache -a hunter2 ping", "redis-cli -h cache -a *** ping"),
        ("valkey-cli -a hunter2 ping", "valkey-cli -a *** ping"),
        ("mongosh -u root -p hunter2 --eval 1", "mongosh -u root -p *** --eval 1"),
        ("sshpass -p hunter2 ssh host", "sshpass -p *** ssh host"),
        ("curl -fsS -u admin:hunter2 http://web", "curl -fsS -u admin:*** http://web"),
        ("curl --user 'admin:hunter 2' http://web", "curl --user 'admin:***' http://web"),
        ("curl -uadmin:hunter2 web", "curl -uadmin:*** web"),
        ("curl -s -fu admin:hunter2 web", "curl -s -fu admin:*** web"),
        ("curl -H 'Authorization: abcdef123456' web", "curl -H 'Authorization: ***' web"),
        ("curl -H 'Authorization: Bearer abcdef' web", "curl -H 'Authorization: Bearer ***' web"),
        (
            'redis-server --requirepass "$X" --masterauth abc',
            "redis-server --requirepass *** --masterauth ***",
        ),
        ("bash -c 'SECRET_KEY_BASE=abc rails s'", "bash -c 'SECRET_KEY_BASE=*** rails s'"),
        ("env API_KEYS=abc x", "env API_KEYS=*** x"),
        ("x --api-token-v2 abc y", "x --api-token-v2 *** y"),
        ("x --password1=abc y", "x --password1=*** y"),
        ("x '--password=my secret pass' y", "x '--password=***' y"),
        ("x --password=pa'ss y", "x --password=*** y"),
        ("DATABASE_URL=postgres://app:pa/ss@db/app", "DATABASE_URL=postgres://***@db/app"),
        ("postgres://app:p@ssw0rd@db/app", "postgres://***@db/app"),
        ("amqp://a:b@h1,amqp://c:d@h2", "amqp://***@h1,amqp://***@h2"),
        ("user:p@w@tcp(db:3306)/app", "user:***@tcp(db:3306)/app"),
        ("admin:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "admin:***"),
        ("admin:{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "admin:***"),
        ("admin:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/,b:$2y$05$c4WoMPo3SXsafkva", "admin:***,b:***"),
    ],
)
def test_a_password_of_a_well_known_command_is_struck_out(text, shown):
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "mysqladmin ping -p$MYSQL_ROOT_PASSWORD",
        'redis-cli -a "$REDIS_PASS" ping',
        "docker run --user 1000:1000 -p 80:80",
        "mysql -h db -P 3306",
        "pg_isready -U app -d app",
        "echo $1$2",
        "DB_PASSWORD_FILE=/run/secrets/db",
        "https://example.org:8080/x@y",
        "https://example.org/a@b",
        "chown -R app: /data",
    ],
)
def test_what_is_no_password_stays(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "pre_start `migrate --token ***`: it ended",
        "(password=***): no",
        "curl -u a:***; x",
        "mysql -p***: no",
        "key: ***, x",
    ],
)
def test_what_was_struck_out_before_stays_as_it_is(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("x", "--password=my secret pass", "y z"), "x --password=*** 'y z'"),
        (("x", "--password", "pa'ss wo\"rd, and more", "y"), "x --password *** y"),
        (("mysqladmin", "-ppa'ss, 1", "ping"), "mysqladmin -p*** ping"),
        (("redis-cli", "-a", "a b&c", "ping"), "redis-cli -a *** ping"),
        (("curl", "-u", "admin:a b", "web"), "curl -u admin:*** web"),
        (("curl", "-H", "Authorization: abc def", "web"), "curl -H 'Authorization: ***' web"),
        (("sh", "-c", "SECRET_KEY_BASE=abc rails s"), "sh -c 'SECRET_KEY_BASE=*** rails s'"),
        (("env", "API_KEY=a b", "x"), "env API_KEY=*** x"),
        (("check", "", "a b", "it's"), shlex.join(("check", "", "a b", "it's"))),
    ],
)
def test_each_word_of_a_command_loses_its_secrets_before_the_words_are_joined(words, shown):
    assert shown_command(words) == shown


HOSTILE = [
    "mysql -",
    "redis-cli -a ",
    "-u a:",
    "-u=",
    "$1$",
    "mongo\t-p ",
    "password=",
    "password='",
    "-",
    "a=",
]
HOSTILE += ["a://a:", "a:a@tcp(", "--token ", "{SHA}", "-u'a:", "'token=", "password=]", "authorization: "]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("show", [without_secrets, lambda text: shown_command(text.split(" "))])
def test_a_long_text_costs_time_that_grows_with_its_length(piece, show):
    assert growth(lambda count: show(piece * count + "@"), 4_000, 20_000) < 20


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("APIKEYS", True),
        ("PGPASS", True),
        ("ADMIN_PW", True),
        ("auth.basicauth.users", True),
        ("BYPASS", False),
    ],
)
def test_a_name_says_whether_its_value_is_a_secret(name, secret):
    assert names_a_secret(name) is secret


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"DB_PASSWORD": "hunter2"}, {"hunter2"}),
        ({"DATABASE_URL": "postgres://app:hunter2@db/app"}, {"hunter2"}),
        ({"DB_PASSWORD_FILE": "/run/secrets/db"}, set()),
        ({"DB_PASSWORD": "abc"}, set()),
        ({"MYSQL_USER": "wordpress", "MYSQL_PASSWORD": "wordpress"}, set()),
        ({"DB_PASSWORD": "postgres"}, set()),
        ({"GREETING": "hunter2"}, set()),
        ({"DATABASE_URL": "postgres://app:p%40ss/w@rd@db/app"}, {"p%40ss/w@rd", "p@ss/w@rd"}),
        ({"ADMIN_PASSWORD": "Old-zebra-77", "LOGIN": "Old-zebra-77"}, {"Old-zebra-77"}),
        ({"PASSWORD_LOGIN": "enabled", "TOKEN": "true", "SECRET": "1", "ADMIN_PASSWORD": "admin"}, set()),
    ],
)
def test_secrets_of_variables_are_those_that_nobody_may_see(variables, found):
    assert secrets_of(variables.items(), ("docker.io/library/postgres:16",)) == found


def made_from(test: str, password: str) -> DeclaredService:
    body = {"environment": {"DB_PASSWORD": password}, "healthcheck": {"test": ["CMD", "check", test]}}
    one = replace(service("db"), compose=body)
    return DeclaredService(app=app("shop", one), service=one)


def test_a_secret_that_a_health_check_repeats_is_not_in_a_plan():
    changes = service_changes(made_from("hunter2-x", "hunter2"), made_from("sesame-open", "sesame-open"))
    assert {change.path: (change.before, change.after) for change in changes} == {
        "environment.DB_PASSWORD": ("***", "*** (changed)"),
        "healthcheck.test": ("check ***-x", "check ***"),
    }


def test_a_change_of_nothing_but_a_secret_is_still_seen():
    (shown,) = redacted_changes(
        [Change(path="command", before="a hunter2", after="a hunter3")], frozenset({"hunter2", "hunter3"})
    )
    assert (shown.before, shown.after) == ("a ***", "a *** (changed)")


def test_a_program_that_prints_its_variables_prints_no_secret():
    shop = made_from("x", "hunter2").app
    assert secrets_of_app(shop) == {"hunter2"}
    assert legible("login as app with hunter2 failed", pieces(shop)) == "login as app with *** failed"


def with_body(body: dict, secret: str) -> DeclaredService:
    one = replace(service("web"), compose=body)
    return DeclaredService(app=replace(app("web", one), secrets=frozenset({secret})), service=one)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (lambda pw: {"command": ["setup", pw]}, "setup ***"),
        (lambda pw: {"labels": {"homepage.auth": pw}}, "***"),
        (lambda pw: {"healthcheck": {"test": ["CMD-SHELL", f"probe {pw}"]}}, "probe ***"),
        (lambda pw: {"volumes": [{"type": "bind", "source": f"/{pw}", "target": "/x"}]}, "/***:/x"),
        (lambda pw: {"logging": {"options": {"auth": f"u,{pw}"}}}, "u,***"),
        (lambda pw: {"extra_hosts": [f"a={pw}"]}, "a=***"),
        (lambda pw: {"environment": {"LOGIN": f"me:{pw}"}}, "me:***"),
    ],
)
@pytest.mark.parametrize(
    "passwords", [("Old-zebra-77", "New-giraffe-99"), ("it's old, 77", 'the "new" one, 99')]
)
def test_a_secret_of_the_variables_is_in_no_field_of_a_plan(body, shown, passwords):
    before, after = (with_body(body(each), each) for each in passwords)
    (change,) = service_changes(before, after)
    assert (change.before, change.after) == (shown, f"{shown} (changed)")


def test_what_a_check_printed_is_shown_as_a_plan_shows_its_command():
    said = 'exec: "curl -fsS --api-key=s3cr3tvalue1 http://web": executable file not found'
    details = Details(check_output=said)
    assert check_words(details, None) == said.replace("s3cr3tvalue1", "***")
