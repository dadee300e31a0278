"""Values that Compose passes on and no Engine makes a container of."""

import pytest
from manifest.compile_world import compiled, errors


def found(service: str, more: str = "") -> list[str]:
    return errors(compiled({"shop/compose.yaml": f"services: {{api: {{image: x, {service}}}}}\n{more}"}))


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("ports: [{target: 0}]", "services.api.ports[0]: a published port needs a target"),
        ("volumes: [{type: '', source: /s, target: /t}]", "services.api.volumes[0]: a mount needs a type"),
        ("stop_grace_period: -1s", "services.api.stop_grace_period: must not be negative, is -1s"),
        (
            "healthcheck: {test: x, interval: -5s}",
            "services.api.healthcheck.interval: must not be negative, is -5s",
        ),
        ("restart: sometimes", "services.api.restart: must be one of no, always"),
        (
            "deploy: {restart_policy: {condition: often}}",
            "services.api.deploy.restart_policy.condition: must be one of none, any",
        ),
        (
            "deploy: {restart_policy: {condition: any, max_attempts: 3}}",
            "no Engine counts attempts with the condition any",
        ),
        ("labels: {gitops-orch.app: x}", "labels that begin with gitops-orch. are the product's own"),
    ],
)
def test_it_is_a_mistake_with_its_place(service: str, message: str) -> None:
    mistakes = found(service)
    assert any(message in mistake for mistake in mistakes), mistakes


def test_no_engine_shares_the_uts_namespace_of_a_service() -> None:
    text = "services: {api: {image: x, uts: 'service:db'}, db: {image: x}}"
    mistakes = errors(compiled({"shop/compose.yaml": text}))
    assert ["services.api.uts: no Engine can share the UTS namespace" in each for each in mistakes] == [True]
    assert found("uts: host") == []


def test_a_volume_cannot_pass_for_a_copy_of_files_from_git() -> None:
    mistakes = found("volumes: ['data:/d']", "volumes: {data: {labels: {gitops-orch.files: abc}}}\n")
    assert ["volumes.data.labels.gitops-orch.files" in mistake for mistake in mistakes] == [True]


@pytest.mark.parametrize("word", ["no", "always", "unless-stopped", "on-failure", "on-failure:3"])
def test_every_restart_policy_of_an_engine_passes(word: str) -> None:
    assert found(f"restart: '{word}'") == []
