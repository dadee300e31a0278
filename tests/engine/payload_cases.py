"""One small service for every key of a Compose file that reaches an Engine, in the words of the specification."""

TOP = """
networks:
  default: {}
  front: {}
  back: {ipam: {config: [{subnet: 10.213.7.0/24}]}}
  inner: {internal: true, attachable: true, labels: {tier: back}, driver_opts: {com.docker.network.bridge.name: orc0}}
volumes:
  plain: {}
  labelled: {labels: {keep: "yes"}}
  bound: {driver: local, driver_opts: {type: none, o: bind, device: /tmp}}
"""

# service -> its body; each is a container that Compose makes, and one that we make.
CASES = {
    "base": "{}",
    "environment-map": "environment: {B: '1', A: two words, EMPTY: '', NUMBER: 3, YES: true}",
    "environment-list": "environment: [B=1, A=x=y, NOVALUE]",
    "command-text": "command: sh -c 'echo \"a b\"'",
    "command-list": "command: [sh, -c, 'exit 0']",
    "command-empty": "command: []",
    "entrypoint-text": "entrypoint: /bin/sh -c",
    "entrypoint-list": "entrypoint: [/bin/sh]",
    "entrypoint-both": "{entrypoint: [/bin/sh], command: [-c, 'true']}",
    "restart-no": "restart: 'no'",
    "restart-always": "restart: always",
    "restart-unless-stopped": "restart: unless-stopped",
    "restart-on-failure": "restart: on-failure",
    "restart-on-failure-count": "restart: on-failure:3",
    "restart-deploy": "deploy: {restart_policy: {condition: on-failure, delay: 5s, max_attempts: 4}}",
    "restart-deploy-any": "deploy: {restart_policy: {condition: any}}",
    "restart-deploy-none": "{restart: always, deploy: {restart_policy: {condition: none}}}",
    "healthcheck-text": "healthcheck: {test: curl -f localhost, interval: 1m30s, timeout: 10s, retries: 3, start_period: 40s}",
    "healthcheck-list": "healthcheck: {test: [CMD, 'true'], interval: 500ms}",
    "healthcheck-none": "healthcheck: {test: [NONE]}",
    "healthcheck-disabled": "healthcheck: {disable: true}",
    "ports-short": "ports: ['80', '127.0.0.1:18080:80', '19000-19001:9000-9001', '1053:53/udp', '17000-17005:70']",
    "ports-long": "ports: [{target: 80, published: '18081', host_ip: 127.0.0.1, protocol: tcp, mode: host}, {target: 81}]",
    "expose": "expose: ['3000', '8000-8002/udp', 53/udp]",
    "labels-map": "labels: {one: '1', two: two, empty: ''}",
    "labels-list": "labels: [one=1, bare]",
    "user": "user: '1000:1000'",
    "working_dir": "working_dir: /w",
    "hostname": "{hostname: hh, domainname: example.org}",
    "init": "init: true",
    "init-off": "init: false",
    "stop": "{stop_signal: SIGINT, stop_grace_period: 1m30s}",
    "stop-zero": "stop_grace_period: 0s",
    "tty": "{tty: true, stdin_open: true}",
    "caps": "{cap_add: [NET_ADMIN, CAP_SYS_TIME], cap_drop: [ALL]}",
    "dns": "{dns: 8.8.8.8, dns_search: [a.example, b.example], dns_opt: [use-vc]}",
    "dns-list": "dns: [8.8.8.8, 9.9.9.9]",
    "extra_hosts-list": "extra_hosts: ['one:10.0.0.1', 'two=10.0.0.2', 'six:[::1]']",
    "extra_hosts-map": "extra_hosts: {one: 10.0.0.1, gate: host-gateway}",
    "logging": "logging: {driver: json-file, options: {max-size: 10m, max-file: '3'}}",
    "logging-none": "logging: {driver: none}",
    "privileged": "privileged: true",
    "read_only": "read_only: true",
    "security_opt": "security_opt: ['no-new-privileges:true', 'apparmor=unconfined', 'seccomp=unconfined']",
    "security_opt-paths": "security_opt: ['systempaths=unconfined']",
    "shm_size": "shm_size: 64m",
    "shm_size-number": "shm_size: 1048576",
    "sysctls-map": "sysctls: {net.core.somaxconn: 1024, net.ipv4.tcp_syncookies: 0}",
    "sysctls-list": "sysctls: [net.core.somaxconn=1024]",
    "ulimits": "ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}",
    "tmpfs-text": "tmpfs: /run",
    "tmpfs-list": "tmpfs: [/run, '/tmp:size=1m,mode=1777']",
    "devices": "devices: ['/dev/null:/dev/nn:r', /dev/zero, '/dev/full:/dev/ff']",
    "device_cgroup_rules": "device_cgroup_rules: ['c 1:3 mr', 'a 7:* rmw']",
    "group_add": "group_add: [mail, '100']",
    "ipc-host": "ipc: host",
    "ipc-shareable": "ipc: shareable",
    "ipc-service": "{ipc: 'service:ipc-shareable'}",
    "pid-host": "pid: host",
    "pid-service": "pid: service:base",
    "uts": "uts: host",
    "userns_mode": "userns_mode: host",
    "cgroup": "cgroup: host",
    "cgroup_parent": "cgroup_parent: /m-executor",
    "memory": "{mem_limit: 100m, mem_reservation: 50m, memswap_limit: 200m, mem_swappiness: 10}",
    "memory-unlimited-swap": "{mem_limit: 100m, memswap_limit: -1}",
    "cpus": "{cpus: 0.5, cpuset: '0', cpu_shares: 73}",
    "cpu-quota": "{cpu_period: 50000, cpu_quota: 25000}",
    "cpu-windows": "{cpu_count: 2, cpu_percent: 50}",
    "pids_limit": "pids_limit: 10",
    "oom": "{oom_kill_disable: true, oom_score_adj: 500}",
    "runtime": "runtime: runc",
    "isolation": "isolation: default",
    "deploy-limits": "deploy: {resources: {limits: {cpus: '0.25', memory: 64M, pids: 33}, reservations: {cpus: '0.1', memory: 20M}}}",
    "deploy-gpu": "deploy: {resources: {reservations: {devices: [{capabilities: [gpu, utility], count: 1, driver: nvidia}]}}}",
    "deploy-gpu-all": "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: all}]}}}",
    "deploy-gpu-ids": "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], device_ids: ['0', GPU-1]}]}}}",
    "blkio": (
        "blkio_config: {weight: 300, weight_device: [{path: /dev/sda, weight: 400}],"
        " device_read_bps: [{path: /dev/sdb, rate: 12mb}], device_read_iops: [{path: /dev/sdb, rate: 120}],"
        " device_write_bps: [{path: /dev/sdb, rate: 1024k}], device_write_iops: [{path: /dev/sdb, rate: 30}]}"
    ),
    "volumes-named": "volumes: ['plain:/data', 'labelled:/more:ro']",
    "volumes-nocopy": "volumes: ['plain:/data:nocopy']",
    "volumes-long": "volumes: [{type: volume, source: plain, target: /data, volume: {nocopy: true}}]",
    "volumes-long-bare": "volumes: [{type: volume, source: plain, target: /data, read_only: true}]",
    "volumes-disguise": "volumes: ['bound:/data:ro']",
    "volumes-anonymous": "volumes: [/anon, {type: volume, target: /anon2}]",
    "volumes-bind": "volumes: ['/etc/hosts:/h:ro', '/tmp:/t']",
    "volumes-bind-options": "volumes: ['/tmp:/t:ro,z', '/etc:/e:rslave']",
    "volumes-bind-long": "volumes: [{type: bind, source: /tmp, target: /t, read_only: true}]",
    "volumes-bind-create": "volumes: [{type: bind, source: /tmp, target: /t, bind: {create_host_path: true}}]",
    "volumes-bind-existing": (
        "volumes: [{type: bind, source: /tmp, target: /t, bind: {create_host_path: false, propagation: rslave}}]"
    ),
    "volumes-tmpfs": "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]",
    "volumes-consistency": "volumes: [{type: bind, source: /tmp, target: /t, consistency: cached}]",
    "volumes_from": "volumes_from: [volumes-named]",
    "networks-list": "networks: [front, back]",
    "networks-priority": "networks: {back: {priority: 10}, front: {}, inner: {priority: 100}}",
    "networks-addresses": "networks: {back: {ipv4_address: 10.213.7.77, aliases: [one, two], link_local_ips: [169.254.7.7]}}",
    "network_mode-none": "network_mode: none",
    "network_mode-host": "network_mode: host",
    "network_mode-bridge": "network_mode: bridge",
    "network_mode-service": "network_mode: service:base",
    "mac_address": "mac_address: 02:42:ac:11:65:43",
    "links": "{links: ['base:db', base], external_links: ['elsewhere:other']}",
    "container_name": "container_name: orc-own-name",
    "platform": "platform: linux/amd64",
}

# What Engine 20.10 refuses or Compose leaves out there, and we refuse in words: judged on newer Engines alone.
NEWER_CASES = {
    "mac_address-network": "networks: {front: {mac_address: '02:42:ac:11:65:44'}}",
    "annotations": "annotations: {a: b}",
    "healthcheck-start-interval": "healthcheck: {test: 'true', start_period: 10s, start_interval: 1s}",
    "mac_address-second": "networks: {back: {}, front: {mac_address: '02:42:ac:11:65:45'}}",
}

# Where we differ from Compose v2.26 on purpose: it forgets what the file says.  case -> its body, and what then differs.
DELIBERATE = {
    "volumes_from-read-only": ("volumes_from: ['volumes-named:ro']", {".HostConfig.VolumesFrom", ".Mounts"}),
    "deploy-gpu-options": (
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1, options: {a: b}}]}}}",
        {".HostConfig.DeviceRequests"},
    ),
}

# The same, where Compose v2.26 forgets it on an Engine of API 1.44 or newer only.
DELIBERATE_ON_26 = {"mac_address": {".Config.MacAddress", ".NetworkSettings.orc_default.MacAddress"}}
