"""Hooks, jobs and schedules of a file: what they become, and where each mistake is."""

from manifest.compile_world import app_of, compiled, errors

from gitops_orch.model.job import Concurrency, Hook


def service(text: str, name: str = "api"):
    return app_of(f"services: {{{name}: {{image: x, {text}}}}}\n").service(name)


def mistakes(text: str) -> list[str]:
    return errors(compiled({"shop/compose.yaml": text}))


def scheduled(job: str, more: str = "") -> str:
    return f"services:\n  api:\n    image: x\n{more}    x-gitops:\n      job: {job}\n"


def test_hooks_are_read_whole():
    text = (
        "post_start: [{command: a 'b c', user: root, privileged: true, working_dir: /w, environment: [A=1]}]"
    )
    (hook,) = service(text).post_start
    assert hook == Hook(
        command=("a", "b c"), user="root", privileged=True, working_dir="/w", environment=("A=1",)
    )
    assert service("pre_stop: [{command: [drain]}]").pre_stop == (Hook(command=("drain",)),)
    assert service("pre_start: [{command: [up], image: tool}]").pre_start == (
        Hook(command=("up",), image="tool"),
    )


def test_a_variable_without_a_value_is_the_committed_one():
    desired = compiled(
        {
            "shop/compose.yaml": "services: {api: {image: x, pre_stop: [{command: [a], environment: [A]}]}}",
            "shop/.env": "A=7",
        }
    )
    assert desired.apps[0].services[0].pre_stop[0].environment == ("A=7",)


def test_a_hook_without_a_command_is_a_mistake():
    (error,) = mistakes("services:\n  api:\n    image: x\n    post_start:\n      - {user: root}\n")
    assert "shop/compose.yaml:5" in error
    assert "a hook needs a command" in error


def test_a_changed_hook_is_another_release():
    digests = {
        app_of(f"services: {{a: {{image: x, pre_stop: [{{command: [{word}]}}]}}}}").digest for word in "ab"
    }
    assert len(digests) == 2


def test_a_schedule_is_read_whole():
    job = "{schedule: '0 3 * * *', timezone: Europe/Berlin, concurrency: replace, deadline: 1h, history: 5}"
    found = app_of(scheduled(job)).services[0].schedule
    assert (found.expression, found.timezone, found.concurrency) == (
        "0 3 * * *",
        "Europe/Berlin",
        Concurrency.REPLACE,
    )
    assert (found.deadline_s, found.history, found.fields.hours) == (3600.0, 5, (3,))


def test_a_changed_schedule_is_another_release():
    first, second = (app_of(scheduled(f"{{schedule: '0 {hour} * * *'}}")).digest for hour in (3, 4))
    assert first != second


def test_a_bad_expression_says_where_it_is_and_why():
    (error,) = mistakes(scheduled("{schedule: '0 25 * * *'}"))
    assert error.startswith(
        "shop/compose.yaml:5:13: services.api.x-gitops.job.schedule: '0 25 * * *' is no cron"
    )
    assert "the hour '25' does not lie between 0 and 23" in error


def test_an_unknown_time_zone_says_where_it_is():
    (error,) = mistakes(scheduled("{schedule: '@daily', timezone: Europe/Berlinn}"))
    assert "shop/compose.yaml:5" in error
    assert "'Europe/Berlinn' is no time zone" in error


def test_what_a_scheduled_run_cannot_have_is_a_mistake():
    for more, why in (
        ("    deploy: {replicas: 2}\n", "one container, not 2"),
        ("    deploy: {mode: global}\n", "remove the mode"),
        ("    container_name: fixed\n", "remove container_name"),
        ("    restart: always\n", "would never end"),
        ("    post_start: [{command: [a]}]\n", "a job may have ended by then"),
        ("    pre_start: [{command: [a]}]\n", "a scheduled run has none"),
    ):
        found = mistakes(scheduled("{schedule: '@daily'}", more))
        assert any(why in error for error in found), (more, found)


def test_ports_and_on_failure_are_fine_for_a_run():
    more = "    ports: ['8080:80']\n    restart: on-failure:3\n"
    assert mistakes(scheduled("{schedule: '@daily'}", more)) == []


def test_nothing_can_wait_for_a_scheduled_service():
    text = scheduled("{schedule: '@daily'}") + "  web: {image: x, depends_on: [api]}\n"
    assert any("nothing can wait for it" in error for error in mistakes(text))


def test_words_of_a_schedule_mean_nothing_without_one():
    assert any("for a schedule only" in error for error in mistakes(scheduled("{history: 3}")))
    assert any("for a job only" in error for error in mistakes(scheduled("{deadline: 1h}")))


def test_a_job_may_have_a_deadline_of_its_own():
    text = scheduled("{deadline: 1h}", "    deploy: {mode: replicated-job}\n")
    assert app_of(text).services[0].job_deadline_s == 3600.0


def test_a_service_cannot_have_the_name_of_what_prepares_another():
    assert any("pre_start containers" in error for error in mistakes("services: {a.pre_start.1: {image: x}}"))
