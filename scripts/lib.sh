# What every script here stands on: a bare Debian 12 becomes a machine on which the project runs. To be sourced.
#
# Everything is safe to repeat and to interrupt; what was there before is left alone.

set -euo pipefail

unset PYTHONDONTWRITEBYTECODE # the tests start the program a thousand times: it is compiled once

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
RUN_DIR=/run/gitops-orch-scripts
ENGINE_SOCKET=/var/run/docker.sock
ENGINE_WAIT_S_MAX=60
CHILD_WAIT_S_MAX=30
CHILD=

PACKAGES=(
  docker.io       # the Engine, containerd and runc
  iproute2        # network namespaces: each is a Docker host
  iptables        # the Engine's own, and the lab's rule for its bridge
  busybox-static  # the stub images are made of it
  docker-registry # a real registry to pull from
  openssh-server  # Git and Engines over ssh
  nginx-light fcgiwrap # Git over smart HTTP
  openssl         # certificates for Engines over TLS
  systemd         # systemd-analyze judges the unit
  mmdebstrap      # the image in which the unit is booted
  python3-venv    # Debian's Python comes without it
)

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

# stage NAME COMMAND...: runs the command, and prints how long it took and how it ended.
stage() {
  local name=$1 started=$SECONDS code=0
  shift
  say "== $name"
  "$@" || code=$?
  if ((code)); then say "== $name: failed with $code after $((SECONDS - started)) s"; else say "== $name: $((SECONDS - started)) s"; fi
  return "$code"
}

# interruptible COMMAND...: runs the command so that a signal to this script ends it too, in good order.
# Bash itself would wait for it to finish, and would not pass the signal on.
interruptible() {
  set -m
  "$@" &
  CHILD=$!
  set +m
  local code=0
  wait "$CHILD" || code=$?
  CHILD=
  return "$code"
}

# end_child: what the traps of a script call first. SIGINT lets pytest take down what it set up.
end_child() {
  [[ -n ${CHILD:-} ]] || return 0
  kill -INT -- "-$CHILD" 2>/dev/null || return 0
  local end=$((SECONDS + CHILD_WAIT_S_MAX))
  while kill -0 -- "-$CHILD" 2>/dev/null && ((SECONDS < end)); do sleep 0.2; done
  kill -KILL -- "-$CHILD" 2>/dev/null || true
}

# once NAME COMMAND...: runs the command while no other script runs it.
once() {
  local name=$1
  shift
  mkdir -p "$RUN_DIR"
  (
    flock 8
    "$@" 8>&-
  ) 8>"$RUN_DIR/$name.lock"
}

need_root() {
  ((EUID == 0)) || fail "network namespaces and a Docker Engine need root; run this as root"
}

# install_packages PACKAGE...: installs those that are missing.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  once apt _apt_install "${missing[@]}"
}

_apt_install() {
  local log=$RUN_DIR/apt.log policy=/usr/sbin/policy-rc.d ours=
  # A package would start its service: sshd, nginx and a second Engine are not wanted on this machine.
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    ours=$policy
  fi
  local code=0
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } >"$log" 2>&1 || code=$?
  [[ -z $ours ]] || rm -f "$ours"
  if ((code)); then
    tail -n 20 "$log" >&2
    fail "apt-get could not install $*; the log is $log"
  fi
}

make_venv() { once venv _make_venv; }

_make_venv() {
  local wanted
  wanted=$(cat "$ROOT/pyproject.toml" - <<<"$ROOT" | sha256sum)
  [[ -x $VENV/bin/pytest && $(cat "$VENV/.installed" 2>/dev/null) == "$wanted" ]] && return 0
  say "making $VENV"
  "$(find_python)" -m venv "$VENV"
  "$VENV/bin/python" -m pip install -q -e "$ROOT[dev]"
  printf '%s\n' "$wanted" >"$VENV/.installed"
}

find_python() {
  local python
  for python in python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  fail "no Python of at least 3.11 with venv was found; install python3 and python3-venv"
}

engine_answers() { curl_socket "$ENGINE_SOCKET"; }

curl_socket() {
  "$(find_python)" - "$1" <<'PYTHON' 2>/dev/null
import http.client, socket, sys
connection = http.client.HTTPConnection("docker", timeout=5)
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.settimeout(5)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/_ping")
sys.exit(connection.getresponse().status != 200)
PYTHON
}

# An Engine at the default socket, for as long as a script holds it. One that was found is left alone; ours is stopped by
# the last script that uses it, which is the one that gets the lock for itself.
hold_engine() {
  mkdir -p "$RUN_DIR"
  exec 9>>"$RUN_DIR/engine-users.lock"
  flock -s 9
  once engine _start_engine
}

_start_engine() {
  engine_answers && return 0
  say "no Docker Engine answers at $ENGINE_SOCKET: starting one"
  # 9 is the lock by which we count its users: the Engine is none.
  setsid dockerd --host "unix://$ENGINE_SOCKET" </dev/null >"$RUN_DIR/dockerd.log" 2>&1 9>&- &
  printf '%s\n' "$!" >"$RUN_DIR/dockerd.pid"
  disown
  local end=$((SECONDS + ENGINE_WAIT_S_MAX))
  until engine_answers; do
    kill -0 "$(cat "$RUN_DIR/dockerd.pid")" 2>/dev/null || fail "dockerd ended: $(tail -n 5 "$RUN_DIR/dockerd.log")"
    ((SECONDS < end)) || fail "dockerd did not answer within $ENGINE_WAIT_S_MAX s; see $RUN_DIR/dockerd.log"
    sleep 0.2
  done
}

release_engine() {
  flock -n -x 9 2>/dev/null || return 0
  once engine _stop_engine
  exec 9>&-
}

_stop_engine() {
  local pid
  pid=$(cat "$RUN_DIR/dockerd.pid" 2>/dev/null) || return 0
  rm -f "$RUN_DIR/dockerd.pid"
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || return 0
  say "stopping the Docker Engine that was started for this"
  kill "$pid"
  while [[ -e /proc/$pid ]]; do sleep 0.1; done
}
