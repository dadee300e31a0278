from manifest.compile_world import HOSTS, compiled, errors, keys, warnings


def app(body: str, *, hosts: str = "edge-1", tail: str = "") -> str:
    return f"services:\n  api: {{image: x, {body}}}\nx-gitops: {{placement: {{hosts: [{hosts}]}}}}\n{tail}"


def two(first: str, second: str):
    return compiled({"a/compose.yaml": first, "b/compose.yaml": second, "hosts/a.yaml": HOSTS})


def test_one_host_port_for_two_apps_on_one_host_is_an_error_at_both_places():
    desired = two(app("ports: ['80:80']"), app("ports: ['8080:8080', '80:8080']"))
    assert errors(desired) == [
        (
            "a/compose.yaml:2:27: services.api: host port 80/tcp is claimed by default/b (b/compose.yaml:2:40) too "
            "on host edge-1; change one of them"
        ),
        (
            "b/compose.yaml:2:40: services.api: host port 80/tcp is claimed by default/a (a/compose.yaml:2:27) too "
            "on host edge-1; change one of them"
        ),
    ]
    assert [str(key) for key in desired.invalid_apps] == ["default/a", "default/b"]
    assert desired.apps == ()


def test_one_port_on_two_hosts_protocols_or_addresses_is_no_clash():
    assert not errors(two(app("ports: ['80:80']"), app("ports: ['80:80']", hosts="edge-2")))
    assert not errors(two(app("ports: ['53:53/udp']"), app("ports: ['53:53/tcp']")))
    assert not errors(two(app("ports: ['10.0.0.1:80:80']"), app("ports: ['10.0.0.2:80:80']")))
    assert not errors(two(app("ports: ['80']"), app("ports: ['80']")))


def test_a_port_on_all_addresses_clashes_with_the_same_on_one():
    assert len(errors(two(app("ports: ['80:80']"), app("ports: ['127.0.0.1:80:80']")))) == 2


def test_where_the_planner_can_still_choose_another_host_nothing_is_said():
    assert not errors(two(app("ports: ['80:80']", hosts="edge-1, edge-2"), app("ports: ['80:80']")))


def test_a_global_service_is_on_every_host():
    desired = two(
        app("ports: ['80:80'], deploy: {mode: global}", hosts="edge-1, edge-2"),
        app("ports: ['80:80']", hosts="edge-2"),
    )
    assert len(errors(desired)) == 2


def test_one_container_name_for_two_apps_on_one_host_is_an_error():
    desired = two(app("container_name: web"), app("container_name: web"))
    assert any("container name web is claimed by default/b" in error for error in errors(desired))


def test_one_volume_name_for_two_apps_on_one_host_is_an_error_unless_it_is_external():
    body = "volumes: ['data:/data']"
    own = app(body, tail="volumes: {data: {name: shared}}\n")
    external = app(body, tail="volumes: {data: {name: shared, external: true}}\n")
    assert any("volume shared is claimed by default/b" in error for error in errors(two(own, own)))
    assert not errors(two(own, external))
    assert not errors(two(external, external))


def test_a_host_path_that_two_apps_write_to_only_warns():
    body = "volumes: ['/srv/data:/data', '/var/run/docker.sock:/var/run/docker.sock']"
    desired = two(app(body), app(body))
    assert errors(desired) == []
    assert len(warnings(desired)) == 2
    assert "the host's /srv/data is written by default/b" in warnings(desired)[0]


def test_two_services_of_one_app_clash_wherever_they_run():
    text = """
    services:
      api: {image: x, ports: ["80:80"]}
      web: {image: x, ports: ["80:8080"]}
    """
    desired = compiled({"a/compose.yaml": text, "hosts/a.yaml": HOSTS})
    assert len(errors(desired)) == 2
    assert (
        "services.api: host port 80/tcp is claimed by services.web (a/compose.yaml:4:" in errors(desired)[0]
    )


def test_one_address_for_two_services_of_an_app_is_an_error():
    text = """
    services:
      api: {image: x, networks: {net: {ipv4_address: 10.1.0.5}}}
      web: {image: x, networks: {net: {ipv4_address: 10.1.0.5}}}
    networks: {net: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}
    """
    assert any(
        "address 10.1.0.5 in network a_net" in error for error in errors(compiled({"a/compose.yaml": text}))
    )


def test_replicas_cannot_share_a_fixed_port_where_they_must_share_a_host():
    replicas = "ports: ['80:80'], scale: 2"
    assert any(
        "cannot be had by 2 replicas" in error for error in errors(two(app(replicas), app("init: true")))
    )
    spread = compiled({"a/compose.yaml": app(replicas, hosts="edge-1, edge-2"), "hosts/a.yaml": HOSTS})
    assert not errors(spread)
    together = app(replicas, hosts="edge-1, edge-2").replace("x-gitops", "  db: {image: y}\nx-gitops")
    assert any(
        "cannot be had by 2 replicas" in error
        for error in errors(compiled({"a/compose.yaml": together, "hosts/a.yaml": HOSTS}))
    )


def test_one_name_for_two_files_is_an_error_at_both():
    text = "name: shop\nservices: {api: {image: x}}\n"
    desired = compiled({"a/compose.yaml": text, "b/compose.yaml": text})
    assert errors(desired) == [
        "a/compose.yaml:1:1: app default/shop is declared at b/compose.yaml:1:1 too; give one of them another `name:`",
        "b/compose.yaml:1:1: app default/shop is declared at a/compose.yaml:1:1 too; give one of them another `name:`",
    ]
    assert [str(key) for key in desired.invalid_apps] == ["default/shop"]


def test_two_apps_that_would_be_one_compose_project_are_an_error():
    plain = "name: a_b\nservices: {api: {image: x}}\n"
    spaced = "name: b\nservices: {api: {image: x}}\nx-gitops: {namespace: a}\n"
    desired = compiled({"x/compose.yaml": plain, "y/compose.yaml": spaced})
    assert "would both be the Compose project a_b" in errors(desired)[0]
    assert keys(desired) == []


def test_one_network_that_two_apps_would_make_only_warns():
    tail = "networks: {default: {name: proxy}}\n"
    desired = two(app("init: true", tail=tail), app("init: true", tail=tail))
    assert errors(desired) == []
    assert len(warnings(desired)) == 2
    assert "network proxy is created by default/b" in warnings(desired)[0]
    assert len(desired.apps) == 2


def test_labels_that_decide_where_a_service_runs_are_left_to_the_planner():
    constrained = app("ports: ['80:80'], deploy: {mode: global}", hosts="edge-1, edge-2").replace(
        "placement: {", "placement: {constraints: [node.labels.zone == eu], "
    )
    assert errors(two(constrained, app("ports: ['80:80']", hosts="edge-2"))) == []
